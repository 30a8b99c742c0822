import pytest
from hypothesis import given
from hypothesis import strategies as st

from whit.errors.names import BadPath
from whit.model.tree import Bytes, Dir, File, Link, Tree, normal_path, parents_of

FILE = File(Bytes(b"x"))
names = st.text("ab-.0", min_size=1, max_size=3).filter(lambda n: n not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(st.sets(paths, max_size=8))
def test_parents_are_there_and_come_first(chosen: set[str]):
    try:
        tree = Tree.of(dict.fromkeys(chosen, FILE))
    except BadPath:
        # One chosen path is another's parent: a file cannot be a directory.
        assert any(a != b and b.startswith(a + "/") for a in chosen for b in chosen)
        return
    order = [path for path, _ in tree]
    assert len(order) == len(set(order))
    for at, path in enumerate(order):
        assert all(parent in order[:at] for parent in parents_of(path))
    assert Tree.of(dict(reversed(tree.nodes))) == tree


@pytest.mark.parametrize(
    "path", ["", "a", "/a/", "/../a", "/a/./b", "//a", "/a\0", "/" + "x" * 5000]
)
def test_a_path_that_is_not_absolute_and_normal_is_refused(path: str):
    with pytest.raises(BadPath):
        normal_path(path)


def test_a_hard_link_needs_its_file():
    tree = Tree.of({"/a": FILE, "/b": Link("/a", is_hard=True)})
    assert (tree.file_bytes, tree.file_count) == (1, 1)
    with pytest.raises(BadPath, match="hard link"):
        Tree.of({"/b": Link("/a", is_hard=True)})


def test_a_given_directory_keeps_its_mode():
    tree = Tree.of({"/tmp": Dir(mode=0o1777), "/tmp/a": FILE})
    assert tree.get("/tmp") == Dir(mode=0o1777)
    assert tree.get("/nowhere") is None
