"""What the file of sizes holds after each build."""

from pathlib import Path

import pytest

from whit.build.history import past_of, read_history, remember
from whit.errors.request import BadSettingsFile
from whit.model.weight import Past, Weight


def past(disk: int, name: str = "app", revision: str = "abc") -> Past:
    return Past(name, "2026-01-31T12:00:00Z", revision, disk, disk // 2, 1)


def test_only_what_differs_from_the_last_is_written(tmp_path: Path):
    file = str(tmp_path / "deep" / "sizes.jsonl")
    assert remember(file, past(100)) == (past(100),)
    assert remember(file, past(100, revision="def")) == (past(100),)
    assert remember(file, past(90)) == (past(100), past(90))
    assert remember(file, past(100, revision="ghi"))[-1].revision == "ghi"
    assert len(Path(file).read_text().splitlines()) == 3


def test_each_name_has_a_history_of_its_own(tmp_path: Path):
    file = str(tmp_path / "sizes.jsonl")
    remember(file, past(100))
    assert remember(file, past(100, "other")) == (past(100, "other"),)
    assert remember(file, past(100)) == (past(100),)
    assert len(read_history(file)) == 2


def test_no_file_is_an_empty_history(tmp_path: Path):
    assert read_history(str(tmp_path / "none")) == ()


@pytest.mark.parametrize(
    "text", ["hello\n", '{"name":"app"}\n', '{"name":"app"', "[1]\n", "\xff\n"]
)
def test_another_file_is_refused_and_left_alone(tmp_path: Path, text: str):
    file = tmp_path / "notes"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(BadSettingsFile, match="no history of sizes"):
        remember(str(file), past(1))
    assert file.read_text(encoding="latin-1") == text


def test_outside_of_git_there_is_no_date(tmp_path: Path):
    weight = Weight("app", "program", 3, 2, 1, (), ())
    assert past_of(weight, str(tmp_path)) == Past("app", "", "", 3, 2, 1)
