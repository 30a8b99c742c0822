import msgspec
import pytest

from elf_samples import AMD64_LOADER, elf_file, loader_file
from whit.binary.elf import Elf, read_elf
from whit.errors.sandbox import BrokenImage
from whit.model.names import Platform
from whit.model.plan import Entry, Need, Plan, RunConfig, Standing, What
from whit.model.tree import Bytes, Content, Dir, File, Node
from whit.model.verdict import Observation, Status, Verdict
from whit.prove.verdict import Seen, judge, refuse_broken

AMD64 = Platform("linux", "amd64")
STATIC = read_elf(memoryview(elf_file()))
CONFIG = RunConfig(AMD64, entrypoint=("/app",))


class Facts(msgspec.Struct, frozen=True):
    platform: Platform = AMD64
    interpreter: str = ""
    libraries: tuple[str, ...] = ()
    elf: Elf = STATIC


def read(content: Content) -> bytes:
    assert isinstance(content, Bytes)
    return content.data


def plan_of(
    config: RunConfig = CONFIG, needs: tuple[Need, ...] = (), app_mode: int = 0o755, **nodes: Node
) -> Plan:
    placed = {"/app": File(Bytes(b"x"), app_mode)}
    placed |= {"/" + name.replace("__", "/"): node for name, node in nodes.items()}
    entries = tuple(Entry(p, n, "N000", "test", "because") for p, n in placed.items())
    return Plan(entries, config, needs)


def verdict(plan: Plan, facts: Facts | None = None, seen: Seen | None = None) -> Verdict:
    return judge(plan, facts or Facts(), read, seen)


def failed(found: Verdict) -> list[str]:
    assert (found.status is Status.BROKEN) == any(not c.passed for c in found.checks)
    return [check.name for check in found.checks if not check.passed]


def need(*what: What) -> tuple[Need, ...]:
    return (Need("N010", "CA roots", Standing.REQUIRED, what),)


def test_a_static_program_alone_is_unproven_and_sound() -> None:
    found = verdict(plan_of())
    assert (found.status, failed(found), found.missing, found.unexplained) == (
        *(Status.UNPROVEN, [], (), ()),
    )
    refuse_broken(found)


def change(**fields: object) -> RunConfig:
    return msgspec.structs.replace(CONFIG, **fields)


@pytest.mark.parametrize(
    ("plan", "name", "words"),
    [
        (plan_of(change(entrypoint=())), "entrypoint", "names no program"),
        (plan_of(change(entrypoint=("/nope",))), "entrypoint", "/nope is not in the image"),
        (plan_of(change(entrypoint=("/d",)), d=Dir()), "entrypoint", "no regular file"),
        (plan_of(app_mode=0o644), "executable", "may not execute /app"),
        (plan_of(app_mode=0o750), "executable", "user 65532:65532"),
        (
            plan_of(change(entrypoint=("/p/x",)), p=Dir(0o700), p__x=File(Bytes(b""), 0o755)),
            *("executable", "may not enter /p"),
        ),
        (plan_of(change(user="web")), "user", "no user named 'web'"),
        (plan_of(change(working_dir="/work")), "working directory", "/work is not in the image"),
        (plan_of(change(working_dir="/app")), "working directory", "no directory"),
        (plan_of(change(env=(("A", "1"), ("A", "2")))), "environment", "A is set twice"),
        (plan_of(change(env=(("A=B", "1"),))), "environment", "no variable's name"),
        (plan_of(change(platform=Platform("linux", "arm64"))), "platform", "linux/arm64"),
        (plan_of(needs=need(What("ca-roots"))), "N010 CA roots", "ca-certificates.crt"),
        (plan_of(needs=need(What("tmp"))), "N010 CA roots", "/tmp"),
        (plan_of(needs=need(What("tmp")), tmp=Dir(0o755)), "N010 CA roots", "not writable"),
        (plan_of(needs=need(What("file", ("/etc/x",)))), "N010 CA roots", "/etc/x"),
        (plan_of(needs=need(What("program", ("git",)))), "N010 CA roots", "git"),
        (
            plan_of(needs=need(What("zones-of-program", ("Mars/Olympus",)))),
            *("N010 CA roots", "zoneinfo"),
        ),
        (
            plan_of(needs=need(What("zones", ("Europe/Rome",))), usr__share__zoneinfo=Dir()),
            *("N010 CA roots", "zoneinfo/Europe/Rome"),
        ),
    ],
)
def test_what_breaks_an_image(plan: Plan, name: str, words: str) -> None:
    found = verdict(plan)
    assert failed(found) == [name]
    with pytest.raises(BrokenImage, match=words):
        refuse_broken(found)


LOADER = loader_file("/lib/x86_64-linux-gnu")
LIBC = elf_file(["ld-linux-x86-64.so.2"], soname="libc.so.6", defines=["GLIBC_2.36"])


def held(loader_mode: int = 0o755, **libraries: bytes) -> dict[str, Node]:
    nodes: dict[str, Node] = {"lib64__ld-linux-x86-64.so.2": File(Bytes(LOADER), loader_mode)}
    for name, data in libraries.items():
        nodes[f"lib__x86_64-linux-gnu__{name.replace('_', '.')}"] = File(Bytes(data))
    return nodes


@pytest.mark.parametrize(
    ("nodes", "version", "names"),
    [
        ({}, "GLIBC_2.36", ["loader", "library"]),
        (held(), "GLIBC_2.36", ["library"]),
        (held(libc_so_6=LIBC), "GLIBC_2.36", []),
        (held(libc_so_6=LIBC), "GLIBC_2.38", ["library"]),
        (held(0o644, libc_so_6=LIBC), "GLIBC_2.36", ["loader"]),
    ],
)
def test_the_loader_must_find_everything_in_the_tree(
    nodes: dict[str, Node], version: str, names: list[str]
) -> None:
    data = elf_file(["libc.so.6"], interpreter=AMD64_LOADER, wants={"libc.so.6": [version]})
    elf = read_elf(memoryview(data))
    facts = Facts(interpreter=AMD64_LOADER, libraries=("libc.so.6",), elf=elf)
    assert failed(verdict(plan_of(**nodes), facts)) == names


def test_needs_are_satisfied_where_go_looks() -> None:
    what = (What("ca-roots"), What("zones", ("UTC", "Europe/Rome")), What("tmp"), What("users"))
    held: dict[str, Node] = {
        "etc__ssl__cert.pem": File(Bytes(b"")),
        "usr__share__zoneinfo__Europe__Rome": File(Bytes(b"")),
        "tmp": Dir(0o1777),
        "etc__passwd": File(Bytes(b"web:x:7:7::/home:/none\n")),
    }
    found = verdict(plan_of(change(user="web"), need(*what), **held))
    assert failed(found) == []
    assert any(c.detail == "web is 7:7" for c in found.checks)


def test_assumed_needs_break_nothing() -> None:
    assumed = (Need("N010", "CA roots", Standing.ASSUMED_NOT, (What("ca-roots"),)),)
    assert failed(verdict(plan_of(needs=assumed))) == []


def test_a_run_proves_or_breaks() -> None:
    ran = Observation(("/app", "--version"), 0, "v1\n", 0.01, "runc")
    assert verdict(plan_of(), seen=Seen((ran,))).status is Status.PROVEN
    other = msgspec.structs.replace(ran, status=2, output="no such flag\n")
    broken = verdict(plan_of(), seen=Seen((other,)))
    with pytest.raises(BrokenImage, match="status 2, expected 0") as caught:
        refuse_broken(broken)
    assert caught.value.output == "no such flag\n"
    assert verdict(plan_of(), seen=Seen((other,), 2)).status is Status.PROVEN
