"""Verdicts of promptfoo 0.123.1 against ours: types that have its names mean what they mean there.

`promptfoo_verdicts.json` was made by running promptfoo itself; what differs on purpose is listed below, and on the
page of scorers.
"""

import json
from pathlib import Path

import pytest

from promptship.scorers import score

TABLE = json.loads((Path(__file__).parent / "promptfoo_verdicts.json").read_text(encoding="utf-8"))

# By type, outputs on which ours differs: the deviations that docs/reference/scorers.md tells.
DIFFERENT = {
    ("contains-json", "{bad json"): "only JSON counts, not YAML",
    ("is-xml", "<!DOCTYPE html><html><body><p>x</p></body></html>"): "a document type definition fails",
    ("is-html", "<root><a>1</a></root>"): "elements that HTML does not know fail",
    ("is-html", "<a>unclosed"): "text stands outside of all elements",
    ("bleu", "a cat is on a mat"): "sacrebleu smooths otherwise",
}


def in_our_words(written):
    made = {**written}
    if written["type"] == "assert-set":
        made["scorers"] = [
            {**member, "name": f"{member['type']}-{index}"} for index, member in enumerate(made.pop("assert"))
        ]
    if isinstance(made.get("value"), str) and written["type"] in {"is-json", "contains-json"}:
        made["value"] = json.loads(made["value"])
    if isinstance(made.get("value"), str) and "(?<" in made["value"]:
        made["value"] = made["value"].replace("(?<", "(?P<")
    return made


@pytest.mark.parametrize("row", TABLE["rows"], ids=lambda row: json.dumps(row["assert"])[:60])
def test_our_verdicts_are_those_of_promptfoo(row):
    written = in_our_words(row["assert"])
    kind = written.pop("type")
    for output, expected in zip(TABLE["outputs"], row["verdicts"], strict=True):
        if (kind.removeprefix("not-"), output) in DIFFERENT:
            continue
        found = score(kind, output, **written)
        assert found.passed is (expected == "1"), (output, found.reason)


def test_the_table_is_whole():
    verdicts = "".join(row["verdicts"] for row in TABLE["rows"])
    assert (len(TABLE["rows"]), len(verdicts)) == (193, 5404)
    assert 0.2 < verdicts.count("1") / len(verdicts) < 0.8
