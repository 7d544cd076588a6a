from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptship.domain import CellError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Show = Callable[..., Any]

pytestmark = pytest.mark.slow

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)><svg onload=alert(3)>",
    "<a href='javascript:alert(4)'>x</a> javascript:alert(5)",
    "\u2028\u2029alert(6)//",
    "<iframe src='https://example.invalid/'></iframe><link rel=stylesheet href=https://example.invalid/>",
    "--><!--<style>*{display:none}</style>{{constructor.constructor('alert(7)')()}}",
]


def _hostile_runs(samples: ModuleType) -> list[Any]:
    cells = [
        samples.make_cell(
            f"c-{index}{text}", text=text, passed=False, reason=text, expected=text if index % 2 else f"{text} more",
            inputs={text: text}, tags={"tag": text}, place=f"{text}:{index}",
            messages=({"role": text, "content": text, "tool_calls": [{"function": {"name": text}}]},),
        )
        for index, text in enumerate(HOSTILE)
    ]  # fmt: skip
    cells.append(samples.make_cell("c-error", text=None, error=CellError(kind=HOSTILE[1], message=HOSTILE[0])))
    gate = samples.gate(f"{HOSTILE[1]} >= 1", "fail", reason=HOSTILE[0], subject=HOSTILE[2])
    return [samples.make_run(cells, evalset=HOSTILE[1], gates=[gate]), samples.triage_run()]


@pytest.mark.parametrize("script", [True, False])
def test_hostile_outputs_are_text_and_ask_for_nothing(open_page: Show, samples: ModuleType, script: bool) -> None:
    page = open_page(_hostile_runs(samples), script=script)
    if script:
        for index in range(len(HOSTILE) + 1):
            page.keyboard.press("j" if index else "Enter")
            page.wait_for_timeout(20)
            assert page.locator("#detail").is_visible()
    page.wait_for_timeout(100)
    assert page.dialogs == []
    assert len(page.asked) == 1
    assert page.errors == []
    assert page.locator("img, iframe, svg[onload], a[href^=javascript], main script").count() == 0


def test_a_script_that_got_in_would_not_run(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.triage_run()])
    page.evaluate(
        "try { document.createElement('div').innerHTML = '<b>x</b>'; } catch (error) { window.refused = error.name; }"
    )
    assert page.evaluate("window.refused") == "TypeError"
    page.errors.clear()


def test_the_page_lists_every_case_and_draws_few(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.large_run(cases=3000)])
    assert page.locator("[role=table]").get_attribute("aria-rowcount") == "3001"
    assert page.locator(".rows .row").count() < 60
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_selector("[data-case='case-02999']")
    assert page.locator(".rows .row").count() < 60


def test_filters_narrow_the_list_and_stand_in_the_address(open_page: Show, samples: ModuleType) -> None:
    run = samples.reply_run()
    page = open_page([run])
    page.select_option("select[name=outcome]", "failed")
    failed = {cell.key.case_id for cell in run.cells if cell.outcome == "failed"}
    assert page.locator(".found").inner_text() == f"{len(failed)} of 60 cases"
    page.select_option("select[name=variant]", "1")
    fewer = {cell.key.case_id for cell in run.cells if cell.outcome == "failed" and cell.key.variant == 1}
    assert page.locator(".found").inner_text() == f"{len(fewer)} of 60 cases"
    assert "outcome=failed" in page.url
    assert "variant=1" in page.url


def test_search_looks_through_inputs_outputs_and_reasons(open_page: Show, samples: ModuleType) -> None:
    cells = [
        samples.make_cell("c-1", inputs={"q": "needle [in] input"}),
        samples.make_cell("c-2", text="the NEEDLE [in] output"),
        samples.make_cell("c-3", passed=False, reason="needle [in] reason"),
        samples.make_cell("c-4", text=None, error=CellError(kind="ServerError", message="needle [in] error")),
        samples.make_cell("c-5"),
    ]
    page = open_page([samples.make_run(cells)])
    page.keyboard.press("/")
    page.keyboard.type("needle [in]")
    page.wait_for_selector(".found:text-is('4 of 5 cases')")


def test_a_case_that_differs_among_repeats_is_found(open_page: Show, samples: ModuleType) -> None:
    cells = [samples.make_cell("same", repeat=repeat) for repeat in (0, 1)]
    cells += [samples.make_cell("flaky", repeat=repeat, passed=bool(repeat)) for repeat in (0, 1)]
    page = open_page([samples.make_run(cells)])
    page.select_option("select[name=outcome]", "mixed")
    assert page.locator(".rows .row").get_attribute("data-case") == "flaky"


def test_sorting_by_score_puts_the_lowest_first(open_page: Show, samples: ModuleType) -> None:
    cells = [samples.make_cell(f"c-{value}", value=value / 10, place=f"a:{value}") for value in (5, 2, 9)]
    page = open_page([samples.make_run(cells)])
    page.select_option("select[name=sort]", "score")
    assert page.locator(".rows .row[aria-rowindex='2']").get_attribute("data-case") == "c-2"


def test_a_link_opens_its_case_in_its_run(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.reply_run(), samples.extract_run()], fragment="#case=extract-08")
    assert page.locator("#detail h2").inner_text() == "extract-08"
    assert page.locator("#detail .tool-call").inner_text() == 'lookup_order {"id": "48000"}'
    assert page.locator("#run-1").is_visible()
    assert page.locator("#run-0").is_hidden()


def test_keys_walk_open_and_close(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.reply_run()])
    for key in ("j", "j", "Enter"):
        page.keyboard.press(key)
    assert page.locator("#detail h2").inner_text() == "reply-002"
    assert page.url.endswith("#case=reply-002")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.locator("#detail h2").inner_text() == "reply-003"
    assert page.locator(".row[aria-current]").get_attribute("data-case") == "reply-003"
    page.keyboard.press("Escape")
    assert page.locator("#detail").is_hidden()
    assert "#" not in page.url


def test_outputs_of_all_variants_and_repeats_stand_side_by_side(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.reply_run()], fragment="#case=reply-001")
    assert page.locator("#detail .outputs > .card").count() == 4
    tops = page.eval_on_selector_all("#detail .outputs > .card", "nodes => nodes.map((n) => n.offsetTop)")
    assert tops[0] == tops[1]


@pytest.mark.parametrize(
    ("expected", "actual", "shown"),
    [
        ("we go at once today", "we go right away today", "we go <del>at once</del><ins>right away</ins> today"),
        ("Paris", "It is paris, of course.", 'It is <mark class="match">paris</mark>, of course.'),
        ("alpha beta gamma delta", "one two three four", "one two three four"),
        ({"b": 1, "a": 2}, '{"a": 3, "b": 1}', '{\n  "a": <del>2</del><ins>3</ins>,\n  "b": 1\n}'),
    ],
)  # fmt: skip
def test_answers_are_compared_word_by_word(
    open_page: Show, samples: ModuleType, expected: object, actual: str, shown: str
) -> None:
    page = open_page([samples.make_run([samples.make_cell(expected=expected, text=actual)])], fragment="#case=c-1")
    assert page.locator(".answer").inner_html().replace("<span>", "").replace("</span>", "") == shown


def test_a_click_on_the_matrix_filters_by_slice_and_variant(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.reply_run()])
    page.click("td[data-slice='language=es'][data-variant='1']")
    assert page.locator(".found").inner_text() == "15 of 60 cases"
    assert page.locator("select[name=variant]").input_value() == "1"


def test_a_click_on_a_plot_filters_by_its_figures(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.triage_run()])
    wrong = sum(cell.outcome == "failed" for cell in samples.triage_run().cells)
    page.locator(".strip.share .bar-hit").nth(1).click()
    assert page.locator(".found").inner_text() == f"{wrong} of 80 cases"


def test_without_script_verdict_and_first_failures_read(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.reply_run(), samples.triage_run()], script=False)
    assert "1 of 6 gates failed" in page.locator("h1").inner_text()
    assert page.locator("article.failure:visible").count() == 10
    assert page.locator("#explorer").is_hidden()


def test_a_phone_shows_the_page_without_sideways_scrolling(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.reply_run(), samples.triage_run()], viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".rows .row").first.click()
    box = page.locator("#detail").bounding_box()
    assert (box["x"], box["width"]) == (0, 390)


def test_paper_shows_the_failures_instead_of_the_list(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.reply_run()])
    page.emulate_media(media="print")
    assert page.locator("#explorer").is_hidden()
    assert page.locator("article.failure").first.is_visible()


def test_compressed_data_open_too(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.large_run(cases=5000)], fragment="#case=case-04321")
    assert page.locator("#detail h2").inner_text() == "case-04321"
    assert page.evaluate("document.getElementById('run-data')") is None
