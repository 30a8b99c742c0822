"""A recipe in, the objects that its program is linked from out; and the program linked anew.

`go list -export` compiles what is not in Go's cache yet, which after a build is nothing, and says
where the cache keeps it. The numbers of the object format are read from the toolchain's own source.
"""

import mmap
import os
import re
import sys
from collections.abc import Mapping
from tempfile import TemporaryDirectory

import msgspec

from whit.binary.goobj import Unit, read_units
from whit.binary.linkgraph import Kinds
from whit.golang.cgo import first_way
from whit.golang.command import build_arguments, inherited_linker_flags
from whit.golang.compile import go_environment
from whit.golang.environment import build_environment, go_setting
from whit.golang.linkerflags import filler
from whit.golang.places import go_caches
from whit.golang.process import run
from whit.golang.toolchain import Toolchain, find_go
from whit.model.program import Recipe

_FORMAT = (
    "{{.Name}}\t{{.ImportPath}}\t{{.Dir}}\t{{.Export}}\t{{with .Module}}{{.Path}}{{end}}\t"
    '{{.Standard}}\t{{join .Imports " "}}'
)
_MAX_SOURCE_BYTES = 1 << 20
_RELOCATION = re.compile(r"^\t(R_\w+)(?: RelocType = 1 \+ iota)?$", re.MULTILINE)
_SYMBOL = re.compile(r"^\t(S\w+)(?: SymKind = iota)?$", re.MULTILINE)
_BUILTIN = re.compile(r'^\t\{"([^"]+)", (\d+)\},$', re.MULTILINE)


class Compiled(msgspec.Struct, frozen=True):
    """A package: `name` is what its symbols begin with, `archive` where its object lies."""

    path: str
    name: str
    archive: str
    module: str
    imports: tuple[str, ...]


class Objects(msgspec.Struct, frozen=True):
    """The packages of a program, imported before importing, and what their numbers mean."""

    packages: tuple[Compiled, ...]
    kinds: Kinds

    def units(self) -> list[Unit]:
        found: list[Unit] = []
        for package in self.packages:
            if package.archive:
                found += read_units(package.name, _mapped(package.archive))
        return found


class Linking(msgspec.Struct, frozen=True):
    """A recipe with all that Go is called with."""

    recipe: Recipe
    package: str
    toolchain: Toolchain
    arguments: tuple[str, ...]
    env: dict[str, str]


def linking_of(recipe: Recipe, package: str) -> Linking | None:
    """How one program of a recipe was built; None for a module at a version, whose objects
    `go list` does not tell. Errors: those of the toolchain.
    """
    if recipe.source.version:
        return None
    env = build_environment(recipe, os.environ)
    env |= go_caches(env)
    toolchain = find_go(recipe.go, recipe.source.directory, recipe.offline, env)
    way, _ = first_way(recipe, env)
    env |= way.environment
    inherited = inherited_linker_flags(go_setting("GOFLAGS", env, toolchain.root))
    # What a placeholder becomes does not change what is reached.
    arguments = build_arguments(way.applied(recipe), filler({}, env, ""), inherited)
    return Linking(recipe, package, toolchain, tuple(arguments), go_environment(toolchain, env))


def read_objects(linking: Linking) -> Objects | None:
    """None where Go does not tell, or the release has another format."""
    flags = [word for word in linking.arguments if not word.startswith("-ldflags")]
    command = (linking.toolchain.path, "list", "-deps", "-export", *flags, "-f", _FORMAT)
    source = linking.recipe.source
    outcome = run((*command, "--", linking.package), linking.env, source.directory)
    if not outcome.is_good:
        return None
    found, goroot = [], ""
    for line in outcome.output.splitlines():
        fields = line.split("\t")
        if len(fields) != 7:
            continue
        name, path, directory, archive, module, standard, imports = fields
        if path == "runtime":
            goroot = os.path.dirname(os.path.dirname(directory))
        path = path.partition(" ")[0]  # compiled anew by a profile: "fmt [example.com/app]"
        symbols = "main" if name == "main" and path == linking.package else path
        module = "std" if standard == "true" else module
        found.append(Compiled(path, symbols, archive, module, tuple(imports.split())))
    kinds = read_kinds(goroot) if goroot else None
    return Objects(tuple(found), kinds) if kinds is not None else None


def read_kinds(goroot: str) -> Kinds | None:
    """None where the toolchain has no source, or says other things than expected."""
    internal = os.path.join(goroot, "src/cmd/internal")
    relocations = _numbered(_RELOCATION, os.path.join(internal, "objabi/reloctype.go"), 1)
    symbols = _numbered(_SYMBOL, os.path.join(internal, "objabi/symkind.go"), 0)
    builtins = _BUILTIN.findall(_text(os.path.join(internal, "goobj/builtinlist.go")))
    names = ("R_METHODOFF", "R_USETYPE", "R_USEIFACE", "R_USEIFACEMETHOD", "R_INITORDER")
    # Before Go 1.22 only generic code asked by name.
    named = relocations.get("R_USENAMEDMETHOD") or relocations.get("R_USEGENERICIFACEMETHOD")
    if not builtins or named is None or any(name not in relocations for name in names):
        return None
    method, use_type, use_interface, use_interface_method, init_order = map(relocations.get, names)
    return Kinds(
        method=method or 0,
        use_type=use_type or 0,
        use_interface=use_interface or 0,
        use_interface_method=use_interface_method or 0,
        use_named_method=named,
        init_order=init_order or 0,
        text=frozenset(n for name, n in symbols.items() if name.startswith("STEXT")),
        debug=frozenset(n for name, n in symbols.items() if name.startswith(("SDWARF", "SSEH"))),
        empty=frozenset(n for name, n in symbols.items() if "BSS" in name),
        builtins=tuple((name, int(abi)) for name, abi in builtins),
    )


def relink(linking: Linking, patched: Mapping[str, bytes], place: str) -> str:
    """The program linked from other objects: `patched` maps archives to what stands in for them.
    The path of the program, in `place`; "" where Go did not link it.
    """
    with TemporaryDirectory(prefix="whit-link-") as directory:
        archives = {}
        for number, (archive, data) in enumerate(patched.items()):
            archives[archive] = os.path.join(directory, f"{number}.a")
            with open(archives[archive], "wb") as file:
                file.write(data)
        script = os.path.join(directory, "link.py")
        with open(script, "w", encoding="utf-8") as text:
            text.write(_SCRIPT.format(archives=archives))
        tool = f"-toolexec={sys.executable} -ISB {script}"
        command = [linking.toolchain.path, "build", *linking.arguments, tool, "-o", place + "/"]
        outcome = run(
            (*command, "--", linking.package), linking.env, linking.recipe.source.directory
        )
    made = sorted(os.listdir(place)) if outcome.is_good else []
    return os.path.join(place, made[0]) if made else ""


# Go runs its tools by this: compilers as they are, the linker with other archives.
_SCRIPT = """\
import os, sys
ARCHIVES = {archives!r}
tool, *words = sys.argv[1:]
if os.path.basename(tool) == "link" and "-importcfg" in words:
    config = words[words.index("-importcfg") + 1]
    with open(config) as file:
        lines = file.read().splitlines()
    with open(config, "w") as file:
        for line in lines:
            head, equals, path = line.partition("=")
            file.write(head + equals + ARCHIVES.get(path, path) + "\\n")
    with open(words[-1], "rb") as file:
        main = file.read()
    for archive, patched in ARCHIVES.items():
        with open(archive, "rb") as file:
            if file.read() == main:
                words[-1] = patched
os.execv(tool, [tool, *words])
"""


def _mapped(path: str) -> memoryview:
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_SOURCE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _numbered(pattern: re.Pattern[str], path: str, first: int) -> dict[str, int]:
    return {name: number for number, name in enumerate(pattern.findall(_text(path)), first)}
