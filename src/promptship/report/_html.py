"""The self-contained page of one or several runs."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from promptship.report._atomic import write_report
from promptship.report._escaping import escape_html
from promptship.report._page_data import encode_page_data, page_data
from promptship.report._page_static import render_masthead, render_run, render_run_cards

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptship.report._run_like import RunLike

__all__ = ["render_html", "write_html"]

# A module stands after those that it imports.
_SCRIPTS = (
    "dom.js",
    "figures.js",
    "data.js",
    "ratings.js",
    "rating_box.js",
    "rating_bar.js",
    "filters.js",
    "state.js",
    "word_diff.js",
    "plots.js",
    "table.js",
    "detail.js",
    "toolbar.js",
    "keyboard.js",
    "rating_desk.js",
    "app.js",
)
_STYLES = ("base.css", "overview.css", "cases.css", "detail.css", "rating.css")
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class)\b)", re.MULTILINE)


def render_html(runs: Sequence[RunLike], *, policy: str = "") -> bytes:
    """Render runs as one HTML page that needs nothing else: no network, no file beside it.

    The page may run its own script only (by hash), load nothing, and never parses text as HTML: what a model wrote
    stays text. Summary and first failures read without script. Equal runs give equal bytes.

    Args:
        runs: The runs of one command, one per evalset; at least one.
        policy: What people who rate outputs in the page are told; "" where nobody wrote it down.

    Returns:
        UTF-8 bytes; above 2 MB of data the data are compressed inside.
    """
    style = "\n".join(_read(name) for name in _STYLES)
    script = _bundle()
    encoding, data = encode_page_data(page_data(runs, policy=policy))
    page = Template(_read("page.html")).substitute(
        policy=escape_html(_policy(style, script)),
        title=escape_html(_title(runs)),
        style=style,
        masthead=render_masthead(runs),
        cards=render_run_cards(runs),
        runs="\n".join(render_run(run, index) for index, run in enumerate(runs)),
        encoding=encoding,
        data=data,
        script=script,
    )
    # A lone surrogate has no UTF-8 form; one bad answer must not cost the whole report.
    return page.encode(errors="replace")


def write_html(runs: Sequence[RunLike], path: Path) -> None:
    """Write the page of `runs` to `path`, whole or not at all.

    Raises:
        StorageError: The file cannot be written.
    """
    write_report(path, render_html(runs))


def _title(runs: Sequence[RunLike]) -> str:
    return f"{', '.join(run.manifest.evalset for run in runs[:3])}{' …' if len(runs) > 3 else ''} · promptship"  # noqa: PLR2004 - a tab shows no more


def _bundle() -> str:
    """Join the page's modules into one: a page from a file may not import others."""
    return "".join(_EXPORT.sub("", _IMPORT.sub("", _read(name))) for name in _SCRIPTS)


def _policy(style: str, script: str) -> str:
    # Trusted types: should some later line of ours assign HTML from text, the browser refuses it.
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return (files("promptship.report") / "page" / name).read_text(encoding="utf-8")
