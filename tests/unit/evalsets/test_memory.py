import tracemalloc

import pytest

from promptship.errors import UsageError
from promptship.evalsets import _case_set, load_cases
from promptship.evalsets._files import LONGEST_LINE


def peak_of(cases, rows):
    tracemalloc.start()
    try:
        assert sum(1 for _ in cases) == rows
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("name", "rows"), [("a.jsonl", 20_000), ("a.csv", 10_000)])
def test_many_cases_need_few_bytes_each(folder, name, rows, monkeypatch):
    # As if the set were a large one, of which nothing is kept.
    monkeypatch.setattr(_case_set, "_MOST_KEPT_BYTES", 0)
    if name.endswith("csv"):
        lines = ["id,q,expected\n", *(f"case-{number},{'question ' * 20}{number},yes\n" for number in range(rows))]
    else:
        body = "question " * 20
        lines = [f'{{"id":"case-{number}","inputs":{{"q":"{body}{number}"}}}}\n' for number in range(rows)]
    cases = load_cases(folder.write(name, "".join(lines)), root=folder.root)
    del lines
    # 24 bytes a case for its id and some slack for growing buffers; a case itself would need 400 bytes and more.
    assert peak_of(cases, rows) < 40 * rows + 400_000


def test_a_set_of_many_bytes_is_not_kept(folder):
    """Nine megabytes of cases: up to eight are kept while it is not known how much there is, and none after that."""
    rows = 1_500
    body = "question " * 700
    folder.write("a.jsonl", "".join(f'{{"id":"c{n}","inputs":{{"q":"{body}{n}"}}}}\n' for n in range(rows)))
    cases = load_cases(folder.root / "a.jsonl", root=folder.root)
    assert peak_of(cases, rows) < 12_000_000
    assert peak_of(cases, rows) < 500_000


def test_a_small_set_is_read_once(folder):
    path = folder.write("a.jsonl", '{"id":"a","inputs":{"q":"x"}}\n{"id":"b","inputs":{"q":"y"}}\n')
    cases = load_cases(path, root=folder.root)
    assert [first is again for first, again in zip(cases, cases, strict=True)] == [True, True]
    path.write_text('{"id":"c","inputs":{"q":"z"}}\n')
    with pytest.raises(UsageError, match="was changed while it was being used"):
        list(cases)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_line_of_100_mb_is_refused_without_reading_it_into_memory(folder, name):
    path = folder.write(name, "q\n" if name.endswith("csv") else "")
    with path.open("ab") as file:
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\nlast line {\n")
    cases = load_cases(path, root=folder.root)
    tracemalloc.start()
    try:
        with pytest.raises(Exception, match="the line is longer than 10 MB") as caught:
            len(cases)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    line = 2 if name.endswith("csv") else 1
    assert str(caught.value).startswith(f"{name}:{line}: the line is longer than 10 MB")
    assert peak < 3 * LONGEST_LINE
