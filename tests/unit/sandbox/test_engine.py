from whit.sandbox.engine import How, Runtime
from whit.sandbox.finding import candidates
from whit.sandbox.host import ranges_of
from whit.sandbox.runtime import is_the_program
from whit.sandbox.spec import IdRange

BOTH = {"crun": "/c", "runc": "/r"}


def ways(cgroups: str, *, is_root: bool, found: dict[str, str] = BOTH) -> list[str]:
    return [f"{r.name} {r.how.value}" for r in candidates(found, cgroups, is_root=is_root)]


def test_crun_first_and_runc_where_crun_refuses() -> None:
    assert ways("v2", is_root=True) == ["crun plain", "crun no-cgroups", "runc plain"]
    assert ways("hybrid", is_root=True) == ["crun no-cgroups", "crun curtain", "runc plain"]
    assert ways("hybrid", is_root=False) == ["crun no-cgroups", "runc plain"]
    assert ways("v2", is_root=True, found={"crun": "", "runc": "/r"}) == ["runc plain"]
    assert ways("v2", is_root=True, found={}) == []


def test_commands() -> None:
    assert Runtime("runc", "/r", How.PLAIN).command("/s", "list") == ["/r", "--root", "/s", "list"]
    curtain = Runtime("crun", "/c", How.CURTAIN).command("/s", "list")
    assert curtain[:2] == ["unshare", "--mount"]
    assert curtain[-5:] == ["/c", "--root", "/s", "--cgroup-manager=disabled", "list"]


def test_who_is_to_blame() -> None:
    assert is_the_program('exec: "/x": stat /x: no such file or directory')
    assert is_the_program("exec container process `/x`: Exec format error")
    assert is_the_program("executable file `/x` not found in $PATH: No such file or directory")
    assert not is_the_program("mount `/gone` to `/data`: No such file or directory")
    assert not is_the_program("cgroups in hybrid mode not supported")


def test_subordinate_ranges() -> None:
    text = "me:100:10\n1000:300:5\nother:1:1\nme:x:1\nme:5\n:7:7\nme:4294967295:9\nme:1:0\n"
    assert ranges_of(text, "me", 1000)[:2] == (IdRange(100, 10), IdRange(300, 5))
    assert ranges_of("::1\n", "", 5) == ()
