"""Outputs rated in a run's page: keys, the file that is saved, and what stays when the page is closed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from promptship.domain import CellError, digest_of
from promptship.evalsets import load_ratings
from promptship.report import output_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    Show = Callable[..., Any]

pytestmark = pytest.mark.slow

BLIND, OPEN = "#rate=blind", "#rate=open"
HOSTILE = "</script><img src=x onerror=alert(1)>\u202e=cmd|' /C calc'!A0"


def answers(samples: ModuleType, *texts: str, **more: Any) -> Any:
    cells = [samples.make_cell(f"c-{place}", text=text, place=f"a:{place}", **more) for place, text in enumerate(texts)]
    return samples.make_run(cells)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def save(page: Any, path: Path, *, rater: str = "ada") -> list[dict[str, Any]]:
    page.fill("input[name=rater]", rater)
    with page.expect_download() as waiting:
        page.click("text=Save ratings.jsonl")
    assert waiting.value.suggested_filename == "ratings.jsonl"
    waiting.value.save_as(path)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_keys_rate_one_output_after_another_and_the_file_has_them(
    open_page: Show, samples: ModuleType, tmp_path: Path
) -> None:
    run = answers(samples, "first", "second", "third", "fourth")
    page = open_page([run], fragment=BLIND)
    press(page, "g")  # nothing is open yet: the first case opens
    assert page.locator("#detail h2").inner_text() == "c-0"
    press(page, "g", "b", "u", "g")

    rows = save(page, tmp_path / "ratings.jsonl")

    assert [row["rating"] for row in rows] == ["good", "bad", "unsure", "good"]
    assert [row["output_digest"] for row in rows] == [output_digest(cell) for cell in run.cells]
    assert rows[0] == {
        "case": "c-0", "output_digest": output_digest(run.cells[0]), "rating": "good", "note": "", "correction": "",
        "rater": "ada", "guideline_digest": "", "source": "sample", "propensity": 1, "run": run.manifest.run_id,
    }  # fmt: skip
    assert len(load_ratings(tmp_path / "ratings.jsonl").labels) == 4
    assert page.errors == []
    assert len(page.asked) == 1


def test_a_note_and_a_better_answer_are_typed_without_rating_by_their_letters(
    open_page: Show, samples: ModuleType, tmp_path: Path
) -> None:
    page = open_page([answers(samples, "a rather good answer")], fragment=f"{OPEN}&case=c-0")
    press(page, "n")
    page.keyboard.type("bug: 'z' & <b>")
    press(page, "Escape", "c")
    assert page.locator("textarea[name=correction]").input_value() == "a rather good answer"
    page.keyboard.type("!")
    press(page, "Escape", "b")

    (row,) = save(page, tmp_path / "ratings.jsonl")

    assert (row["rating"], row["note"], row["correction"]) == ("bad", "bug: 'z' & <b>", "a rather good answer!")


def test_an_answer_that_was_only_looked_at_is_no_better_answer(
    open_page: Show, samples: ModuleType, tmp_path: Path
) -> None:
    page = open_page([answers(samples, "fine")], fragment=f"{OPEN}&case=c-0")
    press(page, "c", "!", "Backspace", "Escape", "g")
    assert save(page, tmp_path / "r.jsonl")[0]["correction"] == ""


def test_marks_outlive_the_page(open_page: Show, samples: ModuleType, tmp_path: Path) -> None:
    page = open_page([answers(samples, "one", "two")], fragment=BLIND)
    press(page, "j", "Enter", "n")
    page.keyboard.type("half a thought")
    press(page, "Escape", "b")
    page.fill("input[name=rater]", "ada")

    page.reload()
    page.wait_for_selector("html[data-ready='true']", state="attached")

    assert "1 of 2 outputs rated" in page.locator(".progress").inner_text()
    assert "1 not saved" in page.locator(".progress").inner_text()
    assert page.locator("input[name=rater]").input_value() == "ada"
    (row,) = save(page, tmp_path / "r.jsonl")
    assert (row["rating"], row["note"]) == ("bad", "half a thought")
    assert "not saved" not in page.locator(".progress").inner_text()


def test_runs_do_not_share_marks(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.reply_run(), samples.triage_run()], fragment=BLIND)
    press(page, "j", "Enter", "g", "g")
    page.evaluate("location.hash = '#rate=blind&run=triage'")
    page.wait_for_selector(".progress:has-text('0 of 80')")
    assert page.evaluate("localStorage.length") == 2


def test_a_reader_who_goes_by_the_random_order_draws_a_sample(
    open_page: Show, samples: ModuleType, tmp_path: Path
) -> None:
    run = answers(samples, *(f"answer {place}" for place in range(10)))
    page = open_page([run], fragment=f"{BLIND}&sort=random")
    order = page.eval_on_selector_all(".rows .row", "rows => rows.map((row) => row.dataset.case)")
    press(page, "Enter", "g", "s", "b")
    page.evaluate(f"location.hash = '#rate=blind&case={order[7]}'")
    press(page, "u")

    rows = {row["case"]: row for row in save(page, tmp_path / "r.jsonl")}

    assert order != sorted(order)
    assert {case: (row["source"], row["propensity"]) for case, row in rows.items()} == {
        order[0]: ("sample", 0.3), order[2]: ("sample", 0.3), order[7]: ("feedback", None)
    }  # fmt: skip
    assert "The first 3 of 10 cases" in page.locator(".rating-bar").inner_text()


def test_equal_answers_of_a_case_are_rated_once(open_page: Show, samples: ModuleType, tmp_path: Path) -> None:
    cells = [samples.make_cell("c-1", repeat=repeat, text=text) for repeat, text in enumerate(("a", "b", "a"))]
    page = open_page([samples.make_run(cells, repeats=3)], fragment=f"{BLIND}&case=c-1")
    assert page.locator("#detail .verdict-key.good").count() == 2
    press(page, "g", "b")
    assert [row["rating"] for row in save(page, tmp_path / "r.jsonl")] == ["good", "bad"]


def test_a_cell_without_output_cannot_be_rated(open_page: Show, samples: ModuleType) -> None:
    cells = [samples.make_cell("c-1", text=None, error=CellError(kind="ServerError", message="500"))]
    page = open_page([samples.make_run(cells)], fragment=f"{BLIND}&case=c-1")
    press(page, "g", "n", "c", "z")
    assert "0 of 0 outputs rated" in page.locator(".progress").inner_text()
    assert page.locator(".rating-box").count() == 0
    assert page.errors == []


def test_the_last_mark_is_taken_back_and_a_second_press_of_a_button_too(open_page: Show, samples: ModuleType) -> None:
    page = open_page([answers(samples, "one", "two")], fragment=f"{BLIND}&case=c-0")
    press(page, "g", "z")
    assert page.locator("#detail h2").inner_text() == "c-0"
    assert "0 of 2" in page.locator(".progress").inner_text()
    button = page.locator("#detail .verdict-key.bad")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert button.get_attribute("aria-pressed") == "false"


def test_scores_are_hidden_from_those_who_rate_until_they_ask(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.reply_run()], fragment=f"{BLIND}&case=reply-001")
    hidden = ["#detail .scores", "#detail .badge", ".rows .pips", "select[name=outcome]"]
    assert [page.locator(which).first.is_visible() for which in hidden] == [False] * 4
    page.check(".rating-bar .check input")
    assert [page.locator(which).first.is_visible() for which in hidden] == [True] * 4
    assert "rate=open" in page.url


def test_nothing_is_rated_before_rating_was_asked_for(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.reply_run()], fragment="#case=reply-001")
    press(page, "g", "b", "u", "s")
    assert page.locator(".rating-bar").is_hidden()
    assert page.evaluate("localStorage.length") == 0
    press(page, "r")
    assert page.locator(".rating-bar").is_visible()
    assert page.locator("select[name=sort]").input_value() == "random"
    assert "0 of 82" in page.locator(".progress").inner_text()


def test_the_policy_is_shown_and_cited(open_page: Show, samples: ModuleType, tmp_path: Path) -> None:
    policy = "Good: polite.\n" + HOSTILE
    page = open_page([answers(samples, "one")], fragment=f"{BLIND}&case=c-0", policy=policy)
    assert "Good: polite." in page.locator(".policy .block").inner_text()
    press(page, "g")
    assert save(page, tmp_path / "r.jsonl")[0]["guideline_digest"] == digest_of(policy)
    assert page.dialogs == []


def test_hostile_outputs_names_and_notes_stay_text(open_page: Show, samples: ModuleType, tmp_path: Path) -> None:
    cells = [samples.make_cell(HOSTILE, text=HOSTILE, inputs={HOSTILE: HOSTILE})]
    page = open_page([samples.make_run(cells)], fragment=BLIND)
    press(page, "Enter", "g", "n")
    page.keyboard.insert_text(HOSTILE)
    press(page, "Escape", "c", "End", "x", "Escape")

    (row,) = save(page, tmp_path / "r.jsonl", rater=HOSTILE[:90])

    assert (row["case"], row["note"], row["rater"]) == (HOSTILE, HOSTILE, HOSTILE[:90])
    assert page.locator("img, main script").count() == 0
    assert (page.dialogs, page.errors, len(page.asked)) == ([], [], 1)


def test_a_saved_file_is_loaded_and_rows_of_others_are_counted(
    open_page: Show, samples: ModuleType, tmp_path: Path
) -> None:
    run = answers(samples, "one", "two")
    page = open_page([run], fragment=f"{BLIND}&case=c-0")
    press(page, "g")
    (own,) = save(page, tmp_path / "r.jsonl")
    rows = [
        own,
        {**own, "rater": "bob", "rating": "bad"},
        {"case": "no-such", "output_digest": "sha256:00", "rating": "bad"},
    ]
    (tmp_path / "r.jsonl").write_text("\n".join([*map(json.dumps, rows), "no json"]))
    page.evaluate("() => { window.confirm = () => true; }")
    page.click(".rating-bar >> text=Clear")
    assert "0 of 2" in page.locator(".progress").inner_text()

    page.set_input_files("input[type=file]", tmp_path / "r.jsonl")

    page.wait_for_selector(".said:has-text('1 ratings loaded; 1 rows are of another person; 2 rows are of no output')")
    assert "1 of 2" in page.locator(".progress").inner_text()


def test_without_storage_the_page_says_so_and_still_saves(open_page: Show, samples: ModuleType, tmp_path: Path) -> None:
    page = open_page([answers(samples, "one", "two")], fragment=f"{BLIND}&case=c-0")
    page.evaluate(
        "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; }"
    )
    press(page, "g", "b")
    assert "keeps nothing" in page.locator(".not-kept").inner_text()
    assert [row["rating"] for row in save(page, tmp_path / "r.jsonl")] == ["good", "bad"]


def test_cases_without_a_rating_are_filtered(open_page: Show, samples: ModuleType) -> None:
    page = open_page([answers(samples, "one", "two", "three")], fragment=BLIND)
    press(page, "Enter", "g", "b", "Escape")
    page.select_option("select[name=rated]", "no")
    assert page.locator(".found").inner_text() == "1 of 3 cases"
    page.select_option("select[name=rated]", "bad")
    assert page.locator(".rows .row").get_attribute("data-case") == "c-1"
    assert page.locator(".rows .rated-marks").get_attribute("aria-label") == "rated bad"


def test_a_mark_of_20_000_cases_takes_no_longer_than_a_key_press(open_page: Show, samples: ModuleType) -> None:
    page = open_page([samples.large_run()], fragment=f"{BLIND}&sort=random")
    press(page, "Enter")
    began = time.monotonic()
    press(page, *"gbugbugbug")
    took = (time.monotonic() - began) / 10
    assert "10 of 20,000 outputs rated" in page.locator(".progress").inner_text()
    assert page.locator(".rows .row").count() < 60
    # Loose: a busy machine is no reason to fail, a walk over all cases per key is.
    assert took < 0.5
