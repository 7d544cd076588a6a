"""Runs as people and machines read them: terminal, JSON, Markdown, JUnit, an HTML page, tables.

Figures and verdicts are read from the run, never decided here; one verdict object drives every face. What models wrote
is hostile: it passes the escaper of its sink (`escape_*`). Running, scoring and gating live in `runner`, `scorers`,
`gates`.
"""

from promptship.report._atomic import write_report
from promptship.report._card import render_card_markdown, render_card_terminal
from promptship.report._card_page import render_card_html
from promptship.report._comparison import (
    render_comparison_json,
    render_comparison_markdown,
    render_comparison_terminal,
)
from promptship.report._comparison_page import render_comparison_html
from promptship.report._diff import DIFF_MARKER, render_diff_json, render_diff_markdown, render_diff_terminal
from promptship.report._diff_page import render_diff_html
from promptship.report._escaping import (
    escape_ci_log,
    escape_csv,
    escape_html,
    escape_markdown,
    escape_terminal,
    escape_xml,
    fence_markdown,
)
from promptship.report._export import EXPORT_FORMATS, ExportFormat, export_run
from promptship.report._frame import to_frame, write_csv
from promptship.report._html import render_html, write_html
from promptship.report._json_report import render_json
from promptship.report._junit import render_junit
from promptship.report._markdown import render_markdown
from promptship.report._rating_sheet import RATING_COLUMNS, RatingSheet
from promptship.report._reading import as_text, explain, output_digest
from promptship.report._run_like import RunLike
from promptship.report._terminal import render_terminal, render_verdict

__all__ = [
    "DIFF_MARKER",
    "EXPORT_FORMATS",
    "RATING_COLUMNS",
    "ExportFormat",
    "RatingSheet",
    "RunLike",
    "as_text",
    "escape_ci_log",
    "escape_csv",
    "escape_html",
    "escape_markdown",
    "escape_terminal",
    "escape_xml",
    "explain",
    "export_run",
    "fence_markdown",
    "output_digest",
    "render_card_html",
    "render_card_markdown",
    "render_card_terminal",
    "render_comparison_html",
    "render_comparison_json",
    "render_comparison_markdown",
    "render_comparison_terminal",
    "render_diff_html",
    "render_diff_json",
    "render_diff_markdown",
    "render_diff_terminal",
    "render_html",
    "render_json",
    "render_junit",
    "render_markdown",
    "render_terminal",
    "render_verdict",
    "to_frame",
    "write_csv",
    "write_html",
    "write_report",
]
