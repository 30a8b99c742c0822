"""COPY's rules as BuildKit has them: where files land, whose they are, what is refused."""

import os
import stat
from pathlib import Path

import pytest

from whit.build.dockerfile.copying import Manner, Target
from whit.build.dockerfile.sources import Filtered, Picked, pick, pick_with_parents
from whit.errors.dockerfile import CannotCopy, NoSuchSource
from whit.layer.stack import Stack

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners are root's to give")
CONTEXT = Manner(is_context=True)


class Case:
    """A context, a root file system below, and the layer that COPY makes."""

    def __init__(self, place: Path) -> None:
        self.context, self.low, self.upper = (place / n for n in ("context", "low", "upper"))
        for directory in (self.context, self.low, self.upper):
            directory.mkdir()

    def write(self, path: str, text: str = "x", mode: int = 0o644) -> Path:
        file = self.context / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def copy(
        self, *patterns: str, to: str, manner: Manner = CONTEXT, parents: bool = False
    ) -> None:
        source = Stack((str(self.context),))
        target = Target(str(self.upper), Stack((str(self.low),)))
        for pattern in patterns:
            for one in self.found(source, pattern, parents=parents):
                target.copy(source, one, to, manner)
        target.finish()

    def found(self, source: Stack, pattern: str, *, parents: bool) -> tuple[Picked, ...]:
        if parents:
            return pick_with_parents(source, pattern, "the build context", lambda _: source)
        return pick(source, pattern, "the build context")

    def seen(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.upper)): path.read_text() if path.is_file() else ""
            for path in sorted(self.upper.rglob("*"))
        }

    def mode(self, path: str) -> int:
        return stat.S_IMODE((self.upper / path).lstat().st_mode)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_a_file_to_a_name_a_slash_and_a_directory(case: Case):
    case.write("f", "data")
    (case.low / "there").mkdir()
    case.copy("f", to="/a/b")
    case.copy("f", to="/c/")
    case.copy("f", to="/there")
    assert case.seen() == {
        "a": "", "a/b": "data", "c": "", "c/f": "data", "there": "", "there/f": "data",
    }  # fmt: skip


@pytest.mark.parametrize("source", ["dir", "dir/", "dir/.", "/dir", "../../dir"])
def test_a_directory_gives_its_contents(case: Case, source: str):
    case.write("dir/one")
    case.write("dir/sub/two")
    case.copy(source, to="/out")
    assert list(case.seen()) == ["out", "out/one", "out/sub", "out/sub/two"]


def test_several_sources_on_one_name_leave_the_last(case: Case):
    case.write("f", "first")
    case.write("g", "second")
    case.copy("f", "g", to="/d")
    assert case.seen() == {"d": "second"}


def test_wildcards_flatten_directories_and_may_mean_nothing(case: Case):
    case.write("d1/a")
    case.write("d2/b")
    case.write("c.txt")
    case.copy("d*", "*.txt", "*.none", to="/out/")
    assert list(case.seen()) == ["out", "out/a", "out/b", "out/c.txt"]
    with pytest.raises(NoSuchSource, match="missing is not in the build context"):
        case.copy("missing", to="/x")


def test_links_at_the_top_are_followed_and_below_are_kept(case: Case):
    case.write("real/file", "data")
    (case.context / "link").symlink_to("real/file")
    (case.context / "real/inner").symlink_to("file")
    case.copy("link", to="/followed")
    case.copy("real", to="/kept")
    assert (case.upper / "followed").read_text() == "data"
    assert os.readlink(case.upper / "kept/inner") == "file"


def test_no_link_leads_out_of_the_context(case: Case):
    (case.context / "out").symlink_to("/etc/passwd")
    (case.context / "up").symlink_to("../../../../etc")
    for name in ("out", "up", "up/passwd"):
        with pytest.raises(NoSuchSource):
            case.copy(name, to="/x")


def test_links_in_the_destination_end_at_the_root(case: Case):
    case.write("f", "data")
    (case.low / "usr/lib").mkdir(parents=True)
    (case.low / "lib").symlink_to("usr/lib")
    (case.low / "away").symlink_to("../../../../../tmp/whit-away")
    case.copy("f", to="/lib/")
    case.copy("f", to="/away/f")
    assert (case.upper / "usr/lib/f").exists()
    assert (case.upper / "tmp/whit-away/f").exists()
    assert not Path("/tmp/whit-away").exists()


def test_files_and_directories_do_not_replace_each_other(case: Case):
    case.write("f")
    case.write("dir/conf")
    (case.low / "etc/conf").mkdir(parents=True)
    (case.low / "plain").write_text("")
    with pytest.raises(CannotCopy, match="there is a directory"):
        case.copy("dir", to="/etc")
    with pytest.raises(CannotCopy, match="there is a file"):
        case.copy("dir", to="/plain")
    with pytest.raises(CannotCopy, match="no directory"):
        case.copy("f", to="/plain/f")


def test_a_destination_keeps_its_mode_and_its_subdirectories_do_not(case: Case):
    case.write("src/sub/f")
    (case.context / "src").chmod(0o700)
    (case.context / "src/sub").chmod(0o750)
    (case.low / "dst/sub").mkdir(parents=True)
    (case.low / "dst").chmod(0o711)
    os.chown(case.low / "dst", 5, 6)
    case.copy("src", to="/dst")
    case.copy("src", to="/new")
    assert case.mode("dst") == 0o711
    assert (case.upper / "dst").stat().st_uid == 5
    assert case.mode("dst/sub") == 0o750
    assert case.mode("new") == 0o755


def test_chmod_reaches_made_parents_where_it_is_octal(case: Case):
    case.write("f")
    case.copy("f", to="/a/b/f", manner=Manner(mode="640", is_context=True))
    case.copy("f", to="/c/f", manner=Manner(mode="u=rwx,go=", is_context=True))
    assert [case.mode(p) for p in ("a", "a/b", "a/b/f", "c", "c/f")] == [
        *(0o640, 0o640, 0o640, 0o755, 0o700)
    ]


def test_owners(case: Case):
    os.chown(case.write("f"), 1234, 1234)
    case.copy("f", to="/root-owned")
    case.copy("f", to="/made/f", manner=Manner(owner=(7, 8), is_context=True))
    case.copy("f", to="/kept", manner=Manner())
    owners = {p: (case.upper / p).stat() for p in ("root-owned", "made", "made/f", "kept")}
    assert {p: (s.st_uid, s.st_gid) for p, s in owners.items()} == {
        "root-owned": (0, 0), "made": (7, 8), "made/f": (7, 8), "kept": (1234, 1234),
    }  # fmt: skip


def test_parents_are_kept_from_the_pivot_on(case: Case):
    case.write("x/y/one.txt")
    case.write("x/y/z/two.txt")
    (case.context / "x/y").chmod(0o750)
    case.copy("x/./y/*.txt", to="/o", parents=True)
    case.copy("x/**/two.txt", to="/p", parents=True)
    assert list(case.seen()) == [
        "o", "o/y", "o/y/one.txt", "p", "p/x", "p/x/y", "p/x/y/z", "p/x/y/z/two.txt",
    ]  # fmt: skip
    assert case.mode("o/y") == 0o750


def test_times_and_hard_links_are_kept(case: Case):
    first = case.write("d/one", "same")
    os.link(first, case.context / "d/two")
    os.utime(first, (1000, 1000))
    case.copy("d", to="/d")
    one, two = (case.upper / "d" / name for name in ("one", "two"))
    assert one.stat().st_ino == two.stat().st_ino
    assert one.stat().st_mtime == 1000


def test_a_filtered_context_takes_back(case: Case):
    for path in ("a", "sub/deep/c.txt", "sub/b"):
        case.write(path)

    def is_hidden(path: str) -> bool:
        return path != "sub/deep/c.txt"

    source = Filtered(Stack((str(case.context),)), is_hidden, reopens=True)
    assert [path for path, _ in source.walk("/")] == ["/", "/sub", "/sub/deep", "/sub/deep/c.txt"]
    assert source.names("/") == ["sub"]
    strict = Filtered(Stack((str(case.context),)), is_hidden, reopens=False)
    assert strict.names("/") == []


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("[a-c]", ["b"]), ("[^a-c]", ["d", "z"]), ("?", ["b", "d", "z"]), (r"\b", ["b"]),
        ("[[]x", ["[x"]), ("*", ["[x", "b", "d", "z"]),
    ],
)  # fmt: skip
def test_patterns_are_those_of_go(case: Case, pattern: str, names: list[str]):
    for name in ("b", "d", "z", "[x"):
        case.write(name)
    found = pick(Stack((str(case.context),)), pattern, "the build context")
    assert [one.name for one in found] == names
