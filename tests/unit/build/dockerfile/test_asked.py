"""Words about a Dockerfile that mean none are refused with what would."""

from pathlib import Path

import pytest

from whit.build.dockerfile.asked import find_file
from whit.errors import UsageError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("file", "said", "hint"),
    [
        (".", ". is a directory", "-f Dockerfile"),
        ("sub", "sub is a directory", "-f sub/Dockerfile"),
        ("sub/Dockerfile", "there is no Dockerfile at sub/Dockerfile", "-f Dockerfile"),
        ("-", "no Dockerfile from stdin", "write it into a file"),
    ],
)
def test_what_is_no_file_is_refused(here: Path, file: str, said: str, hint: str):
    (here / "Dockerfile").touch()
    with pytest.raises(UsageError, match=said) as caught:
        find_file(file, ".")
    assert hint in (caught.value.hint or "")


def test_lower_case_stands_for_the_usual_name_only(here: Path):
    (here / "dockerfile").touch()
    assert find_file("Dockerfile", ".") == "dockerfile"
    with pytest.raises(UsageError):
        find_file("Dockerfile.dev", ".")
