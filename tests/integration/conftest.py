"""What tests of bases share: a signed repository that the settings point at, and a project."""

from pathlib import Path

import pytest

from debian_case import DAY, NOW, Repository, fill


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository(tmp_path / "archive")
    fill(made)
    made.publish(NOW - DAY)
    monkeypatch.setenv("WHIT_BASE_MIRROR", str(made.place))
    monkeypatch.setenv("WHIT_BASE_KEYS", str(made.certificate))
    monkeypatch.setenv("WHIT_BASE_SUITES", "")
    monkeypatch.setenv("WHIT_BASE_DISTRO", "debian12")
    monkeypatch.setenv("WHIT_PLATFORM", "linux/amd64")
    (tmp_path / "project").mkdir()
    return made


@pytest.fixture
def project(tmp_path: Path, repository: Repository) -> Path:
    return tmp_path / "project"
