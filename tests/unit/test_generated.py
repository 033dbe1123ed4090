"""Generated files: what differs is written, what is left over removed, nothing else touched."""

from pathlib import Path

import pytest

from observability.generated import Generated


@pytest.fixture
def files(tmp_path: Path) -> Generated:
    """A command that generates two files, in a folder with one of them, changed, and a third."""
    (tmp_path / "one.json").write_text("changed", "utf-8")
    (tmp_path / "old.json").write_text("of a module that is gone", "utf-8")
    (tmp_path / "notes.txt").write_text("somebody's own", "utf-8")
    texts = {tmp_path / "one.json": "one", tmp_path / "deep" / "two.json": "zwei ü"}
    return Generated("python -m things", lambda: texts, lambda: tmp_path.rglob("*.json"))


def test_the_check_names_each_file_and_what_is_wrong_with_it(
    files: Generated,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line a file; nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert files.main(["--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "deep/two.json: missing",
        "old.json: left over: nothing generates it",
        "one.json: differs",
    ]
    assert (tmp_path / "one.json").read_text("utf-8") == "changed"


def test_after_writing_nothing_is_out_of_date(files: Generated, tmp_path: Path) -> None:
    """What is left over is gone, what others wrote stays."""
    assert files.main([]) == 0
    assert files.main(["--check"]) == 0
    assert (tmp_path / "deep" / "two.json").read_text("utf-8") == "zwei ü"
    assert {path.name for path in tmp_path.iterdir()} == {"one.json", "deep", "notes.txt"}


def test_a_file_that_is_as_it_should_be_is_not_written_again(
    files: Generated, tmp_path: Path
) -> None:
    """Who watches the folder has nothing to read anew, and never misses a file."""
    files.write()
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*.json")}
    files.write()
    assert {path: path.stat().st_ino for path in tmp_path.rglob("*.json")} == before


def test_a_file_that_differs_is_replaced_whole(files: Generated, tmp_path: Path) -> None:
    """Who has it open goes on reading the former one: there is no moment without the file."""
    with (tmp_path / "one.json").open(encoding="utf-8") as reader:
        files.write()
        assert reader.read() == "changed"
    assert (tmp_path / "one.json").read_text("utf-8") == "one"


def test_other_arguments_are_wrong_use(
    files: Generated, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and how it is called."""
    assert files.main(["--chekc"]) == 2
    assert capsys.readouterr().err == "usage: python -m things [--check]\n"
