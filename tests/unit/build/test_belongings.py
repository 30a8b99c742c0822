"""What is a program's own, by name and by its bytes."""

from pathlib import Path

import pytest

from whit.bases.root import Root
from whit.build.belongings import (
    files_by_package,
    is_called_like,
    programs_by_bytes,
    trees_by_name,
)


@pytest.mark.parametrize(
    ("directory", "program", "is_own"),
    [
        ("python3.11", "python3.11", True),
        ("python3", "python3.11", True),
        ("python3.12", "python3.11", False),
        ("perl5", "perl", True),
        ("redis", "redis-server", True),
        ("git-core", "git", False),
        ("nginx", "nginx", True),
        ("jquery", "jq", False),
        ("apt", "apt-get", True),
        ("apt-listchanges", "apt-get", False),
    ],
)
def test_directories_called_like_a_program(directory: str, program: str, is_own: bool):
    assert is_called_like(directory, program) is is_own


def test_a_program_that_runs_no_other_names_none():
    assert programs_by_bytes(memoryview(b"\0/usr/bin/less\0printf\0")) == ()
    assert programs_by_bytes(memoryview(b"\0/usr/bin/less\0execvp\0")) == ("/usr/bin/less",)
    assert programs_by_bytes(memoryview(b"\0printf\0popen\0")) == ("/bin/sh",)


def make(root: Path, path: str, text: str = "x") -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def test_a_package_brings_its_files_and_those_of_its_exact_relatives(tmp_path: Path):
    for path in (
        "/usr/bin/app",
        "/usr/lib/app/helper",
        "/usr/share/app/data",
        "/usr/bin/other",
        "/usr/share/doc/app/copyright",
        "/usr/share/man/man1/app.1",
        "/usr/lib/far/x",
    ):
        make(tmp_path, path)
    info = "/var/lib/dpkg/info"
    make(
        tmp_path,
        f"{info}/app.list",
        "/.\n/usr\n/usr/bin/app\n/usr/bin/other\n/usr/lib/app/helper\n"
        "/usr/share/doc/app/copyright\n/usr/share/man/man1/app.1\n",
    )
    make(tmp_path, f"{info}/app-data.list", "/.\n/usr/share/app/data\n")
    make(tmp_path, f"{info}/far.list", "/.\n/usr/lib/far/x\n")
    make(
        tmp_path,
        "/var/lib/dpkg/status",
        "Package: app\nVersion: 1:2\nDepends: far (= 2), app-data (= 1:2),\n libc6 (>= 2.36)\n\n"
        "Package: app-data\nVersion: 1:2\n\nPackage: far\nVersion: 2\n",
    )
    root = Root(str(tmp_path))
    assert set(files_by_package("/usr/bin/app", root)) == {
        "/usr/lib/app/helper",
        "/usr/share/app/data",
    }
    assert set(trees_by_name("/usr/bin/app", root)) == {"/usr/lib/app", "/usr/share/app"}


def test_status_d_and_apk_tell_of_packages_too(tmp_path: Path):
    make(tmp_path / "one", "/usr/lib/app/helper")
    place = "/var/lib/dpkg/status.d/app"
    make(tmp_path / "one", place, "Package: app\nVersion: 1\n")
    make(
        tmp_path / "one",
        f"{place}.md5sums",
        f"{'0' * 32}  usr/lib/app/helper\n{'1' * 32}  usr/bin/app\n",
    )
    make(tmp_path / "two", "/usr/lib/app/helper")
    make(
        tmp_path / "two",
        "/lib/apk/db/installed",
        "P:libc\nV:1\n\nP:app\nV:1\nF:usr/bin\nR:app\nZ:Q1\nF:usr/lib/app\nR:helper\n\n",
    )
    for name in ("one", "two"):
        root = Root(str(tmp_path / name))
        assert list(files_by_package("/usr/bin/app", root)) == ["/usr/lib/app/helper"], name


def test_a_database_behind_a_link_is_not_read(tmp_path: Path):
    make(tmp_path / "other", "/info/app.list", "/.\n/usr/bin/app\n/etc/secret\n")
    make(tmp_path / "root", "/etc/secret")
    (tmp_path / "root/var/lib").mkdir(parents=True)
    (tmp_path / "root/var/lib/dpkg").symlink_to(tmp_path / "other")
    assert list(files_by_package("/usr/bin/app", Root(str(tmp_path / "root")))) == []
