from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.report import render_html
from promptship.report._page_data import encode_page_data, page_data

if TYPE_CHECKING:
    from types import ModuleType

DATA = re.compile(r'<script type="application/json" id="run-data" data-encoding="(\w+)">(.*?)</script>', re.DOTALL)


def _data(page: bytes) -> tuple[str, dict[str, object]]:
    match = DATA.search(page.decode())
    assert match is not None
    raw = gzip.decompress(base64.b64decode(match[2])) if match[1] == "gzip" else match[2].encode()
    return match[1], json.loads(raw)


def test_equal_runs_give_equal_bytes_whatever_the_journals_order(samples: ModuleType) -> None:
    run = samples.reply_run()
    mixed = list(run.cells)
    random.Random(1).shuffle(mixed)  # noqa: S311 - any other order
    assert render_html([replace(run, cells=tuple(mixed))]) == render_html([run])


def test_large_data_are_compressed_and_deterministic(samples: ModuleType) -> None:
    run = samples.large_run(cases=4000)
    page = render_html([run])
    encoding, data = _data(page)
    assert encoding == "gzip"
    assert len(data["runs"][0]["cells"]["text"]) == 4000
    assert page == render_html([run])


def test_small_data_are_plain_and_whole(samples: ModuleType) -> None:
    encoding, data = _data(render_html([samples.reply_run()]))
    run = data["runs"][0]
    assert encoding == "plain"
    assert len(run["cases"]["id"]) == 60
    assert len(run["cells"]["case"]) == 240


def test_the_policy_allows_exactly_this_script_and_style(samples: ModuleType) -> None:
    page = render_html([samples.triage_run()]).decode()
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1])
    assert policy.startswith("default-src 'none'; ")
    for tag, directive in (('script type="module"', "script-src"), ("style", "style-src")):
        body = re.search(rf"<{tag}>(.*?)</{tag.split()[0]}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy


def test_the_page_names_nothing_outside_itself(samples: ModuleType) -> None:
    page = render_html([samples.triage_run()]).decode()
    assert re.findall(r'(?:src|href)="(?!#)', page) == []
    assert set(re.findall(r"https?://[^\"'\s]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in page
    assert "url(" not in page


def test_the_script_never_parses_text_as_html(samples: ModuleType) -> None:
    script = render_html([samples.triage_run()]).decode().rsplit('<script type="module">', 1)[1]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script)
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)


def test_summary_and_first_failures_are_in_the_page_itself(samples: ModuleType) -> None:
    page = render_html([samples.reply_run(), samples.triage_run()]).decode()
    assert "1 of 6 gates failed" in page
    assert page.count('<article class="failure') == 10
    assert "contains &#x27;As an AI&#x27;" in page
    assert 'class="rate r6"' in page


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "\u2028\u2029", "\ud800"]
)
def test_no_text_can_leave_the_data(samples: ModuleType, text: str) -> None:
    page = render_html([samples.make_run([samples.make_cell(text=text, inputs={text: text})])])
    _, data = _data(page)
    shown = data["runs"][0]["cells"]["text"][0]
    assert shown == text
    assert page.decode().count("<script") == 2


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=50))
def test_encoded_data_hold_no_angle_bracket_and_read_back(text: str) -> None:
    encoding, encoded = encode_page_data({"x": text})
    assert encoding == "plain"
    assert "<" not in encoded
    assert json.loads(encoded) == {"x": text}


def test_cells_of_a_case_stand_together(samples: ModuleType) -> None:
    cells = page_data([samples.reply_run()])["runs"][0]["cells"]["case"]
    assert cells == sorted(cells)


def test_a_run_of_no_cases_has_a_page(samples: ModuleType) -> None:
    assert b"<h1>" in render_html([samples.make_run([])])
