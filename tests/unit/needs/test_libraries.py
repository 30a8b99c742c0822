"""What the loader would open, in small roots whose answer follows from ld.so's or musl's rules."""

from collections.abc import Sequence

import pytest

from elf_samples import AMD64_LOADER, elf_file, loader_file
from whit.binary.dynamic import read_dynamic
from whit.binary.elf import DF_1_NODEFLIB, read_elf
from whit.binary.librarycache import write_cache
from whit.model.files import TreeFiles
from whit.model.tree import Bytes, Content, File, Link, Node, Tree
from whit.needs.closure import Closure, start_of
from whit.needs.libraries import closure_of

LIB = "/lib/x86_64-linux-gnu"
USR = "/usr/lib/x86_64-linux-gnu"
LOADER = loader_file(LIB, USR, "/lib", "/usr/lib")
MUSL = "/lib/ld-musl-x86_64.so.1"


def read(content: Content) -> bytes:
    assert isinstance(content, Bytes)
    return content.data


def root(files: dict[str, bytes | str], loader: bytes = LOADER) -> TreeFiles:
    """Bytes are files, text is the target of a link."""
    nodes: dict[str, Node] = {AMD64_LOADER: File(Bytes(loader), 0o755)}
    for path, what in files.items():
        nodes[path] = Link(what) if isinstance(what, str) else File(Bytes(what))
    return TreeFiles(Tree.of(nodes), read)


def closure(
    program: bytes,
    files: dict[str, bytes | str],
    *,
    at: str = "/app",
    place: str = "",
    beside: dict[str, bytes | str] | None = None,
    uses_conf: bool = True,
    **env: str,
) -> Closure:
    elf = read_elf(memoryview(program))
    start = start_of(at, place or at, elf, read_dynamic(elf), env, is_beside=bool(place))
    own = root({place or at: program, **(beside or files)})
    return closure_of(start, root(files), own if place else None, uses_conf=uses_conf)


def app(*needed: str, **more: object) -> bytes:
    return elf_file(needed, interpreter=AMD64_LOADER, **more)  # type: ignore[arg-type]


def lib(soname: str, *needed: str, **more: object) -> bytes:
    return elf_file(needed, soname=soname, **more)  # type: ignore[arg-type]


def paths(found: Closure) -> list[str]:
    return [known.path for known in found.libraries]


def missing(found: Closure) -> list[str]:
    return [str(m) for m in found.missing]


def test_a_program_that_needs_its_loader_only():
    assert paths(closure(app(), {})) == [AMD64_LOADER]


def test_libraries_come_breadth_first_and_once():
    files = {
        f"{LIB}/liba.so.1": lib("liba.so.1", "libc.so.1"),
        f"{LIB}/libb.so.1": lib("libb.so.1", "libc.so.1", "libd.so.1"),
        f"{LIB}/libc.so.1": lib("libc.so.1"),
        f"{LIB}/libd.so.1": lib("libd.so.1"),
    }
    found = closure(app("liba.so.1", "libb.so.1"), files)
    assert [p.rpartition("/")[2][3] for p in paths(found)[1:]] == ["a", "b", "c", "d"]
    assert found.wanted[f"{LIB}/libc.so.1"] == (
        f"libc.so.1 of {LIB}/liba.so.1",
        f"libc.so.1 of {LIB}/libb.so.1",
    )


def test_a_circle_ends():
    files = {
        f"{LIB}/liba.so": lib("liba.so", "libb.so"),
        f"{LIB}/libb.so": lib("libb.so", "liba.so"),
    }
    assert len(paths(closure(app("liba.so"), files))) == 3


def test_links_are_followed_and_kept():
    files: dict[str, bytes | str] = {
        "/lib/x86_64-linux-gnu/liba.so.1": "liba.so.1.2",
        "/lib/x86_64-linux-gnu/liba.so.1.2": lib("liba.so.1"),
    }
    found = closure(app("liba.so.1"), files).libraries[-1]
    assert found.path == f"{LIB}/liba.so.1"
    assert found.found.path == f"{LIB}/liba.so.1.2"
    assert found.found.links == ((f"{LIB}/liba.so.1", "liba.so.1.2"),)


def test_every_missing_library_is_listed_with_who_wants_it():
    files = {f"{LIB}/liba.so": lib("liba.so", "libgone.so", "libaway.so")}
    found = closure(app("liba.so", "libgone.so"), files)
    assert [(m.name, m.wanted_by) for m in found.missing] == [
        ("libgone.so", "/app"),
        ("libgone.so", f"{LIB}/liba.so"),
        ("libaway.so", f"{LIB}/liba.so"),
    ]


PLACES = {
    "rpath": "/rpath",
    "env": "/env",
    "runpath": "/runpath",
    "cache": "/cache",
    "default": USR,
}


@pytest.mark.parametrize(
    ("tags", "order"),
    [
        ({"rpath": "/rpath"}, ["rpath", "env", "cache", "default"]),
        ({"runpath": "/runpath"}, ["env", "runpath", "cache", "default"]),
        ({"rpath": "/rpath", "runpath": "/runpath"}, ["env", "runpath", "cache", "default"]),
        ({"runpath": "/runpath", "flags": DF_1_NODEFLIB}, ["env", "runpath", "cache"]),
        ({}, ["env", "cache", "default"]),
    ],
)
def test_the_order_of_ld_so(tags: dict[str, object], order: Sequence[str]):
    """Remove the place that wins, and the next one in the order wins."""
    left = dict(PLACES)
    for expected in order:
        files: dict[str, bytes | str] = {f"{p}/liba.so": lib("liba.so") for p in left.values()}
        if "cache" in left:
            files["/etc/ld.so.cache"] = write_cache({"liba.so": "/cache/liba.so"}, "amd64")
        found = closure(app("liba.so", **tags), files, LD_LIBRARY_PATH="/env")
        assert paths(found)[-1] == f"{left[expected]}/liba.so"
        del left[expected]
    files = {f"{p}/liba.so": lib("liba.so") for p in left.values()}
    assert missing(closure(app("liba.so", **tags), files, LD_LIBRARY_PATH="/env"))


@pytest.mark.parametrize(
    ("program", "library", "is_found"),
    [
        ({"rpath": "/x"}, {}, True),  # RPATH serves whom the program loads
        ({"runpath": "/x"}, {}, False),  # RUNPATH serves the program's own names only
        ({"rpath": "/x"}, {"runpath": "/y"}, False),  # a RUNPATH switches inherited RPATHs off
        ({"rpath": "/x", "runpath": "/y"}, {}, False),
        ({}, {"runpath": "/x"}, True),
    ],
)
def test_who_inherits_search_paths(
    program: dict[str, str], library: dict[str, str], is_found: bool
):
    files = {
        f"{LIB}/liba.so": lib("liba.so", "libb.so", **library),
        "/x/libb.so": lib("libb.so"),
    }
    assert bool(closure(app("liba.so", **program), files).missing) is not is_found


def test_files_for_another_machine_are_passed_over():
    files = {
        "/x/liba.so": lib("liba.so", machine="arm64"),
        "/y/liba.so": lib("liba.so", machine="386"),
        "/z/liba.so": lib("liba.so"),
    }
    assert paths(closure(app("liba.so", runpath="/x:/y:/z"), files))[-1] == "/z/liba.so"
    del files["/z/liba.so"]
    assert "is for arm64" in missing(closure(app("liba.so", runpath="/x:/y:/z"), files))[0]


def test_a_file_that_is_no_elf_stops_the_loader():
    files: dict[str, bytes | str] = {"/x/liba.so": b"INPUT(-lb)", "/y/liba.so": lib("liba.so")}
    found = closure(app("liba.so", runpath="/x:/y"), files)
    assert "/x/liba.so cannot be loaded" in missing(found)[0]


def test_a_soname_that_is_loaded_serves_other_names():
    files = {
        "/x/libold.so": lib("libnew.so"),
        f"{LIB}/libb.so": lib("libb.so", "libnew.so"),
        f"{LIB}/libnew.so": lib("libnew.so"),
    }
    found = closure(app("/x/libold.so", "libb.so"), files)
    assert paths(found)[1:] == ["/x/libold.so", f"{LIB}/libb.so"]


def test_two_libraries_with_one_soname_are_told():
    files = {"/x/liba.so": lib("libsame.so"), "/x/libb.so": lib("libsame.so")}
    found = closure(app("/x/liba.so", "/x/libb.so"), files)
    assert len(paths(found)) == 3
    assert found.notes == ("/x/liba.so and /x/libb.so both call themselves libsame.so",)


@pytest.mark.parametrize("token", ["$ORIGIN", "${ORIGIN}"])
def test_origin_is_where_the_asker_lies(token: str):
    files = {
        "/opt/t/lib/liba.so": lib("liba.so", "libb.so", runpath=f"{token}/deep"),
        "/opt/t/lib/deep/libb.so": lib("libb.so"),
    }
    found = closure(app("liba.so", runpath=f"{token}/../lib"), files, at="/opt/t/bin/app")
    assert paths(found)[1:] == ["/opt/t/lib/liba.so", "/opt/t/lib/deep/libb.so"]


def test_what_lies_beside_the_program_moves_with_it():
    """Built in /home/me/build, it becomes /app: its $ORIGIN/lib becomes /lib."""
    own: dict[str, bytes | str] = {"/home/me/build/lib/liba.so": lib("liba.so", "libb.so")}
    files: dict[str, bytes | str] = {f"{LIB}/libb.so": lib("libb.so")}
    program = app("liba.so", runpath="$ORIGIN/lib")
    found = closure(program, files, place="/home/me/build/app", beside=own)
    beside = found.libraries[1]
    assert (beside.path, beside.found.path) == ("/lib/liba.so", "/home/me/build/lib/liba.so")
    assert beside.is_beside
    assert paths(found)[-1] == f"{LIB}/libb.so"


def test_lib_and_platform_tokens():
    files = {f"/opt/{LIB[1:]}/x86_64/liba.so": lib("liba.so")}
    assert not closure(app("liba.so", runpath="/opt/$LIB/$PLATFORM"), files).missing


def test_paths_that_depend_on_the_working_directory_are_left_out():
    found = closure(app("liba.so", rpath="lib::"), {"/lib/liba.so": lib("liba.so")})
    assert paths(found)[-1] == "/lib/liba.so"
    assert len(found.notes) == 2


def test_ld_so_conf_counts_where_there_is_no_cache_and_fills_the_images():
    files: dict[str, bytes | str] = {
        "/etc/ld.so.conf": b"# first\ninclude /etc/ld.so.conf.d/*.conf\n/last\n",
        "/etc/ld.so.conf.d/a.conf": b"/opt/a /opt/b\n",
        "/etc/ld.so.conf.d/b.txt": b"/never\n",
        "/opt/b/liba.so": lib("liba.so"),
        "/last/liba.so": lib("liba.so"),
    }
    found = closure(app("liba.so"), files)
    assert paths(found)[-1] == "/opt/b/liba.so"
    assert found.cached == (("liba.so", "/opt/b/liba.so"),)
    assert closure(app("liba.so"), files, uses_conf=False).missing
    cache = write_cache(dict(found.cached), "amd64")
    carried: dict[str, bytes | str] = {
        "/etc/ld.so.cache": cache,
        "/opt/b/liba.so": lib("liba.so"),
    }
    assert not closure(app("liba.so"), carried, uses_conf=False).missing


def test_a_version_that_is_not_defined_is_refused_with_its_symbols():
    libc = lib("libc.so.6", defines=["GLIBC_2.2.5", "GLIBC_2.36"])
    program = app(
        "libc.so.6",
        wants={"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.38"]},
        imports={"__isoc23_strtol": "GLIBC_2.38", "puts": "GLIBC_2.2.5"},
    )
    said = "GLIBC_2.38 of libc.so.6 (__isoc23_strtol), wanted by /app: "
    said += f"{LIB}/libc.so.6 has up to GLIBC_2.36"
    assert missing(closure(program, {f"{LIB}/libc.so.6": libc})) == [said]


@pytest.mark.parametrize(
    ("program", "library"),
    [
        ({"wants": {"liba.so": ["V2"]}, "weak": ["V2"]}, {"defines": ["V1"]}),
        ({"wants": {"liba.so": ["V2"]}}, {}),  # a library without versions serves any
        ({"wants": {"liba.so": ["V1"]}}, {"defines": ["V1"]}),
    ],
)
def test_versions_that_ld_so_lets_pass(program: dict[str, object], library: dict[str, object]):
    files = {f"{LIB}/liba.so": lib("liba.so", **library)}
    assert not closure(app("liba.so", **program), files).missing


def test_libraries_for_newer_processors_are_named_and_left_out():
    fast = f"{LIB}/glibc-hwcaps/x86-64-v3/liba.so"
    files = {fast: lib("liba.so"), f"{LIB}/liba.so": lib("liba.so")}
    found = closure(app("liba.so"), files)
    assert paths(found)[-1] == f"{LIB}/liba.so"
    assert found.variants == (fast,)


def test_a_missing_loader_is_the_first_to_be_told():
    elf = read_elf(memoryview(app("liba.so")))
    start = start_of("/app", "/app", elf, read_dynamic(elf), {}, is_beside=False)
    found = closure_of(start, TreeFiles(Tree(), read))
    assert found.loader is None
    assert [m.name for m in found.missing] == [AMD64_LOADER, "liba.so"]


def test_a_missing_musl_is_missing_once():
    elf = read_elf(memoryview(musl_app("libc.so", "liba.so")))
    start = start_of("/app", "/app", elf, read_dynamic(elf), {}, is_beside=False)
    assert [m.name for m in closure_of(start, TreeFiles(Tree(), read)).missing] == [MUSL, "liba.so"]


def test_preloaded_libraries_come_first():
    files = {"/x/libp.so": lib("libp.so"), f"{LIB}/liba.so": lib("liba.so")}
    found = closure(app("liba.so"), files, LD_PRELOAD="/x/libp.so")
    assert paths(found)[1:] == ["/x/libp.so", f"{LIB}/liba.so"]


# ---- musl --------------------------------------------------------------------------------


def musl_app(*needed: str, **more: object) -> bytes:
    return elf_file(needed, interpreter=MUSL, **more)  # type: ignore[arg-type]


def test_musl_is_its_own_libc():
    files: dict[str, bytes | str] = {MUSL: lib("libc.musl-x86_64.so.1")}
    found = closure(musl_app("libc.musl-x86_64.so.1", "libpthread.so.0", "libm.so.6"), files)
    assert paths(found) == [MUSL]


def test_musl_inherits_any_path_and_asks_the_environment_first():
    files: dict[str, bytes | str] = {
        MUSL: lib("libc.so"),
        "/x/liba.so": lib("liba.so", "libb.so"),
        "/x/libb.so": lib("libb.so"),
        "/env/libb.so": lib("libb.so"),
    }
    assert paths(closure(musl_app("liba.so", runpath="/x"), files))[-1] == "/x/libb.so"
    found = closure(musl_app("liba.so", runpath="/x"), files, LD_LIBRARY_PATH="/env")
    assert paths(found)[-1] == "/env/libb.so"


def test_musl_reads_its_own_list_of_directories():
    files: dict[str, bytes | str] = {
        MUSL: lib("libc.so"),
        "/opt/lib/liba.so": lib("liba.so"),
        "/etc/ld-musl-x86_64.path": b"/nowhere\n/opt/lib\n",
    }
    assert paths(closure(musl_app("liba.so"), files))[-1] == "/opt/lib/liba.so"
    del files["/etc/ld-musl-x86_64.path"]
    assert closure(musl_app("liba.so"), files).missing


def test_musl_checks_no_versions():
    files: dict[str, bytes | str] = {
        MUSL: lib("libc.so"),
        "/lib/liba.so": lib("liba.so", defines=["V1"]),
    }
    assert not closure(musl_app("liba.so", wants={"liba.so": ["V2"]}), files).missing


def test_musl_binds_every_symbol_at_the_start():
    """statx came with musl 1.2.5: a program that was linked there does not start on 1.2.3."""
    files: dict[str, bytes | str] = {MUSL: lib("libc.so", exports=["puts"])}
    imports = {"puts": "", "statx": "", "maybe": ""}
    found = closure(musl_app("libc.so", imports=imports, weakly=["maybe"]), files)
    assert missing(found) == [
        "symbol statx, wanted by /app: no library that is loaded defines it",
    ]
    files[MUSL] = lib("libc.so", exports=["puts", "statx"])
    assert not closure(musl_app("libc.so", imports=imports, weakly=["maybe"]), files).missing
