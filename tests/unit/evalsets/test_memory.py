import tracemalloc

import pytest

from promptship.evalsets import load_cases
from promptship.evalsets._files import LONGEST_LINE


@pytest.mark.parametrize(("name", "rows"), [("a.jsonl", 20_000), ("a.csv", 10_000)])
def test_many_cases_need_few_bytes_each(folder, name, rows):
    if name.endswith("csv"):
        lines = ["id,q,expected\n", *(f"case-{number},{'question ' * 20}{number},yes\n" for number in range(rows))]
    else:
        body = "question " * 20
        lines = [f'{{"id":"case-{number}","inputs":{{"q":"{body}{number}"}}}}\n' for number in range(rows)]
    cases = load_cases(folder.write(name, "".join(lines)), root=folder.root)
    del lines
    tracemalloc.start()
    try:
        assert sum(1 for _ in cases) == rows
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 24 bytes a case for its id and some slack for growing buffers; a case itself would need 400 bytes and more.
    assert peak < 40 * rows + 400_000


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
