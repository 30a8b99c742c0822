from whit.model.tree import Bytes, Dir, File, Link, Node, Tree
from whit.prove.paths import may_execute, may_write, walker_of
from whit.sandbox.spec import Account

APP = File(Bytes(b"app"), 0o755)


def tree(**extra: Node) -> Tree:
    nodes: dict[str, Node] = {
        "/usr/bin/app": APP,
        "/bin": Link("usr/bin"),
        "/abs": Link("/usr/bin/app"),
        "/out": Link("../../../usr/bin/app"),
        "/hard": Link("/usr/bin/app", is_hard=True),
        "/loop": Link("loop"),
        "/a/up": Link("../bin/app"),
    }
    return Tree.of(nodes | {f"/{name}": node for name, node in extra.items()})


def test_links_stay_inside() -> None:
    walker = walker_of(tree())
    for path in ("/bin/app", "/abs", "/out", "/hard", "/a/up", "/a/../bin/./app", "//bin//app"):
        assert walker.file(path) is APP, path
    reached = walker.reach("/bin/app")
    assert reached
    assert reached.path == "/usr/bin/app"
    assert [path for path, _ in reached.through] == ["/", "/usr", "/usr/bin"]


def test_what_is_not_there() -> None:
    walker = walker_of(tree())
    for path in ("/nope", "/loop", "/usr/bin/app/x", "/bin/nope"):
        assert walker.reach(path) is None, path
    assert walker.file("/usr") is None
    assert walker.directory("/usr/bin/app") is None
    assert walker.directory("/") is not None


def test_rights_are_decided_by_the_first_class_that_fits() -> None:
    file = File(Bytes(b""), 0o071, 5, 6)
    assert not may_execute(file, Account(5, 6))
    assert may_execute(file, Account(7, 6))
    assert may_execute(file, Account(7, 7, (6,)))
    assert may_execute(file, Account(7, 7))
    assert not may_write(file, Account(7, 7))
    assert may_write(file, Account(0, 0))
    assert not may_execute(File(Bytes(b""), 0o644), Account(0, 0))
    assert may_execute(Dir(0o000), Account(0, 0))
