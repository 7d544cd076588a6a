import pytest

from promptship.converters import ConvertedFile, find_existing, write_files
from promptship.errors import StorageError, UsageError


def files(*paths, text="new\n"):
    return [ConvertedFile(path=path, text=text) for path in paths]


def test_files_that_are_there_are_kept_and_nothing_else_is_written(tmp_path):
    (tmp_path / "b.txt").write_text("old\n")
    with pytest.raises(UsageError, match=r"b\.txt") as raised:
        write_files(tmp_path, files("a.txt", "b.txt"))
    assert "--force" in raised.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]
    assert (tmp_path / "b.txt").read_text() == "old\n"


def test_force_replaces_and_equal_files_are_no_conflict(tmp_path):
    (tmp_path / "a.txt").write_text("new\n")
    assert find_existing(tmp_path, files("a.txt")) == []
    (tmp_path / "a.txt").write_text("old\n")
    assert write_files(tmp_path, files("a.txt", "x/b.txt"), force=True) == ["a.txt", "x/b.txt"]
    assert (tmp_path / "a.txt").read_text() == (tmp_path / "x/b.txt").read_text() == "new\n"


def test_all_files_or_none(tmp_path):
    (tmp_path / "folder").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="cannot write"):
        write_files(tmp_path, files("a.txt", "folder/b.txt"))
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


@pytest.mark.parametrize("path", ["../x.txt", "/etc/x.txt", "a/../../x.txt"])
def test_a_path_that_leads_out_is_refused(tmp_path, path):
    with pytest.raises(UsageError, match="leads out"):
        write_files(tmp_path / "in", files(path))


def test_a_link_that_leads_out_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="leads out"):
        write_files(tmp_path / "in", files("link/x.txt"), force=True)
    assert not (tmp_path / "x.txt").exists()
