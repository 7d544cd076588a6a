import re
from pathlib import Path

HERE = Path(__file__).parent
ROW = re.compile(r"^\| .+ \| `([^`:]+)::(test_\w+)` \|$", re.MULTILINE)


def test_every_test_that_the_tables_name_exists():
    text = (HERE / "README.md").read_text(encoding="utf-8")
    rows = ROW.findall(text)
    assert len(rows) == sum(line.startswith("| ") for line in text.splitlines()) - text.count("|---|---|")
    missing = [
        f"{path}::{name}" for path, name in rows if f"def {name}(" not in (HERE / path).read_text(encoding="utf-8")
    ]
    assert missing == []
