"""From a run to a rated file and back into the project's labels."""

import csv
import json

import pytest

from promptship.domain import Output, digest_output

openpyxl = pytest.importorskip("openpyxl")

LABELS, ITEMS = "evalsets/judges/echo.labels.jsonl", "evalsets/judges/echo.items.jsonl"
TEXTS = {"paris": "Paris it is", "berlin": "Berlin ist es", "wrong": "something else"}


@pytest.fixture
def run(cli):
    cli("eval", "echo")
    return cli.json("runs", "list")[0]["run_id"]


def mark(case, rating="good", **more):
    return {"case": case, "output_digest": digest_output(Output(text=TEXTS[case])), "rating": rating, **more}


def save(cli, *rows, name="ratings.jsonl"):
    return cli.write(name, "".join(json.dumps(row) + "\n" for row in rows))


def stored(cli, name=LABELS):
    return [json.loads(line) for line in (cli.folder / name).read_text().splitlines()]


def test_ratings_become_labels_and_the_outputs_they_are_of(cli, run):
    save(cli, mark("paris", run=run, rater="ada", propensity=1.0), mark("wrong", "bad", run=run, rater="ada", note="x"))

    said = cli.json("review", "import", "ratings.jsonl")

    assert said["imported"] == [
        {"evalset": "echo", "added": 2, "updated": 0, "unchanged": 0, "outputs": 2, "labels": LABELS, "items": ITEMS}
    ]
    assert stored(cli) == [
        mark("paris", rater="ada", propensity=1.0, source="sample", run=run),
        mark("wrong", "bad", note="x", rater="ada", source="sample", run=run),
    ]
    assert stored(cli, ITEMS)[1] == {
        "id": "wrong", "inputs": {"text": "something else"}, "expected": "madrid", "tags": {"language": "en"},
        "output": "something else",
    }  # fmt: skip


def test_a_judge_reads_what_was_imported(cli, run):
    save(cli, *(mark(case, "bad" if case == "wrong" else "good", rater="ada", run=run) for case in TEXTS))
    cli("review", "import", "ratings.jsonl")
    cli.write(
        "evalsets/judges/kind.yaml",
        "policy: Good is true.\ntype: icontains\nrubric: is\nitems: echo.items.jsonl\nlabels: echo.labels.jsonl\n",
    )
    assert "3 labelled outputs; expected at least 20" in cli("judge", "card", "kind", code=2).stderr


def test_importing_twice_changes_nothing(cli, run):
    save(cli, mark("paris", run=run))
    cli("review", "import", "ratings.jsonl")
    before = (cli.folder / LABELS).read_bytes(), (cli.folder / ITEMS).read_bytes()

    (row,) = cli.json("review", "import", "ratings.jsonl")["imported"]

    assert (row["added"], row["updated"], row["unchanged"], row["outputs"]) == (0, 0, 1, 0)
    assert ((cli.folder / LABELS).read_bytes(), (cli.folder / ITEMS).read_bytes()) == before


def test_a_dry_run_writes_nothing(cli, run):
    save(cli, mark("paris", run=run))
    done = cli("review", "import", "ratings.jsonl", "--dry-run")
    assert "nothing was written" in done.stderr
    assert not (cli.folder / "evalsets/judges").exists()


def test_unknown_rows_are_all_named_and_nothing_is_written(cli, run):
    other = {**mark("paris"), "output_digest": "sha256:" + "0" * 64}
    save(cli, mark("berlin", run=run), {**other, "run": run}, {**mark("wrong"), "case": "wrogn", "run": run})

    said = cli("review", "import", "ratings.jsonl", code=2).stderr

    assert f"ratings.jsonl:2: run {run} has another output of 'paris' than 'sha256:000000000000'" in said
    assert f"ratings.jsonl:3: run {run} has no output of a case 'wrogn'; did you mean 'wrong'?" in said
    assert not (cli.folder / "evalsets/judges").exists()


def test_a_file_that_names_no_run_is_imported_by_its_option(cli, run):
    save(cli, mark("paris"))
    assert "--run RUN" in cli("review", "import", "ratings.jsonl", code=2).stderr
    assert cli.json("review", "import", "ratings.jsonl", "--run", "last")["imported"][0]["added"] == 1


def test_a_run_that_is_elsewhere_is_a_problem_of_its_rows(cli, run):
    save(cli, mark("paris", run="20200101-000000-abcdef"))
    said = cli("review", "import", "ratings.jsonl", code=2).stderr
    assert "ratings.jsonl:1: there is no run '20200101-000000-abcdef'" in said


def test_another_rating_of_the_same_rater_asks_before_it_replaces(cli, run):
    cli("review", "import", save(cli, mark("paris", run=run, rater="ada"), mark("berlin", run=run, rater="ada")))
    save(cli, mark("paris", "bad", run=run, rater="ada"))

    said = cli("review", "import", "ratings.jsonl", code=2).stderr
    assert "ratings.jsonl:1: 'ada' labelled this output of 'paris' before" in said
    assert f"({LABELS}:1), with another rating (good, now bad)" in said

    (row,) = cli.json("review", "import", "ratings.jsonl", "--replace")["imported"]
    assert (row["added"], row["updated"]) == (0, 1)
    assert [(one["case"], one["rating"]) for one in stored(cli)] == [("paris", "bad"), ("berlin", "good")]


def test_two_files_that_disagree_for_one_rater_are_refused(cli, run):
    save(cli, mark("paris", run=run), name="one.jsonl")
    save(cli, mark("paris", "bad", run=run), name="two.jsonl")
    said = cli("review", "import", "one.jsonl", "two.jsonl", code=2).stderr
    assert "two.jsonl:1: 'paris' is 'bad' here and 'good' in one.jsonl:1" in said


def test_a_judges_own_files_and_policy_are_used(cli, run):
    cli.write("evalsets/judges/kind.yaml", "policy: Good is true.\nitems: [i.jsonl]\nlabels: [old.jsonl, new.jsonl]\n")
    cli.write("evalsets/judges/old.jsonl", json.dumps(mark("berlin", rater="ada")) + "\n")
    save(cli, mark("paris", rater="ada", run=run), mark("berlin", rater="ada", run=run))

    (row,) = cli.json("review", "import", "ratings.jsonl", "--judge", "kind")["imported"]

    assert (row["added"], row["unchanged"], row["labels"]) == (1, 1, "evalsets/judges/new.jsonl")
    save(cli, mark("wrong", rater="ada", run=run, guideline_digest="sha256:" + "1" * 64))
    said = cli("review", "import", "ratings.jsonl", "--judge", "kind", code=2).stderr
    assert "ratings.jsonl:1: the label was given under another policy than the judge's" in said


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_spreadsheet_goes_out_and_comes_back_rated(cli, run, ending):
    name = f"rate.{ending}"
    cli("runs", "export", "last", "-o", name)
    _fill(cli.folder / name, {"paris": ("Good ", "fine"), "berlin": ("unsure", ""), "wrong": ("bad", "")})

    (row,) = cli.json("review", "import", name, "--rater", "ada")["imported"]

    assert row["added"] == 3
    paris = next(one for one in stored(cli) if one["case"] == "paris")
    assert paris == mark("paris", note="fine", rater="ada", source="sample", propensity=1.0, run=run)


def test_a_spreadsheet_rated_in_part_is_no_sample(cli, run):
    cli("runs", "export", "last", "-o", "rate.csv")
    _fill(cli.folder / "rate.csv", {"wrong": ("bad", "")})

    done = cli("review", "import", "rate.csv")

    assert "2 outputs in the tables have no rating" in done.stderr
    assert stored(cli) == [mark("wrong", "bad", source="feedback", run=run)]
    _fill(cli.folder / "rate.csv", {"paris": ("good", ""), "berlin": ("good", ""), "wrong": ("bad", "")})
    (row,) = cli.json("review", "import", "rate.csv")["imported"]
    assert (row["added"], row["updated"]) == (2, 1)
    assert {one["source"] for one in stored(cli)} == {"sample"}


def test_a_drawn_sample_carries_its_propensity(cli, run):
    cli("runs", "export", "last", "-o", "rate.csv", "--sample", "2", "--seed", "3")
    rows = list(csv.DictReader((cli.folder / "rate.csv").read_text().splitlines()))
    assert [row["propensity"] for row in rows] == ["0.6666666666666666"] * 2
    assert cli("runs", "export", "last", "-o", "rate.html", "--sample", "2", code=2).stderr.startswith("error: html")


def test_the_policy_of_a_judge_travels_with_the_sheet(cli, run):
    cli.write("evalsets/judges/kind.yaml", "policy: |\n  Good is true.\n  =cmd\nitems: i.jsonl\nlabels: l.jsonl\n")
    cli("runs", "export", "last", "-o", "rate.xlsx", "--judge", "kind")
    _fill(cli.folder / "rate.xlsx", dict.fromkeys(TEXTS, ("good", "")))

    cli("review", "import", "rate.xlsx", "--judge", "kind")

    assert all(row["guideline_digest"].startswith("sha256:") for row in stored(cli, "evalsets/judges/l.jsonl"))
    sheet = openpyxl.load_workbook(cli.folder / "rate.xlsx")["policy"]
    assert [cell.data_type for (cell,) in sheet.iter_rows() if cell.value] == ["s", "s", "s"]


def _fill(path, said):
    """Rate as a person would in a spreadsheet: by case, in the columns that are there for it."""
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path)
        sheet = book["outputs"]
        names = [cell.value for cell in sheet[1]]
        for row in sheet.iter_rows(min_row=2):
            if row[names.index("case_id")].value in said:
                rating, note = said[row[names.index("case_id")].value]
                row[names.index("rating")].value, row[names.index("note")].value = rating, note
        book.save(path)
        return
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["case_id"] in said:
            row["rating"], row["note"] = said[row["case_id"]]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
