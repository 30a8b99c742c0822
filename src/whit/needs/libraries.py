"""A program's Dynamic and a root in, Closure out: every file that its loader will open. Pure.

It decides as ld.so (glibc elf/dl-load.c, dl-deps.c, dl-version.c) and musl (ldso/dynlink.c) do:

    breadth first: the program, LD_PRELOAD, what they need in order, what that needs in order
    glibc: a name or soname that is loaded already is that file; then RPATH of whoever asks and of
           those that loaded it (unless it has a RUNPATH), LD_LIBRARY_PATH, its RUNPATH,
           ld.so.cache, the loader's own directories; files for another machine are passed over
    musl:  LD_LIBRARY_PATH, RUNPATH or RPATH of whoever asks and of those that loaded it, the
           loader's own directories; libc, libm, libpthread and their like are the loader itself

The program may lie elsewhere in the image than on the host: what its $ORIGIN reaches is looked for
beside it on the host, and gets the path that the same $ORIGIN reaches in the image.
"""

import posixpath
import re
from collections.abc import Iterator

import msgspec

from whit.binary import elf as fields
from whit.binary.dynamic import Dynamic, read_dynamic
from whit.binary.elf import Elf, read_elf
from whit.binary.symbols import defined_symbols, required_symbols, symbols_of_version
from whit.errors import WhitError
from whit.model.files import Files, Found
from whit.model.names import Platform
from whit.needs.closure import Closure, Missing, Object, Start
from whit.needs.loader import HWCAPS, Loader, is_musl, read_loader

MAX_OBJECTS = 2048
MUSL_OWN = re.compile(r"lib(c|pthread|rt|m|dl|util|xnet)\.")
PLATFORMS = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "ppc64le": "power8"}
TOKEN = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM))")


def closure_of(
    start: Start, files: Files, beside: Files | None = None, *, uses_conf: bool = True
) -> Closure:
    """Errors: none; what is missing or broken is in the value. `beside` is the root in which the
    program itself lies, when that is another than `files`; `uses_conf` takes ld.so.conf for
    ld.so.cache where there is none, because the image gets one.
    """
    platform = start.elf.platform
    interpreter = start.dynamic.interpreter
    loader = read_loader(interpreter, files, platform.architecture, uses_conf=uses_conf)
    if loader is None:
        loader_missing = Missing(interpreter, start.path, "the loader it names is not there")
        empty = Loader(interpreter, Found(""), is_musl(interpreter), (), "lib")
        found = _Resolver(start, files, beside or files, empty, platform).resolve()
        names = _unresolved(found, interpreter)
        return msgspec.structs.replace(found, loader=None, missing=(loader_missing, *names))
    return _Resolver(start, files, beside or files, loader, platform).resolve()


def _unresolved(closure: Closure, interpreter: str) -> tuple[Missing, ...]:
    """What is missing besides the loader itself, under whatever name it is asked for."""
    own = MUSL_OWN if is_musl(interpreter) else re.compile(r"ld-linux|ld64")
    return tuple(m for m in closure.missing if not own.match(m.name))


class _Resolver:
    """The loader's state while it loads; made for one closure."""

    def __init__(
        self, start: Start, files: Files, beside: Files, loader: Loader, platform: Platform
    ) -> None:
        self._start, self._files, self._beside = start, files, beside
        self._loader, self._platform = loader, platform
        found = (beside if start.is_beside else files).find(start.place) or Found(start.place)
        program = Object(start.path, found, start.elf, start.dynamic, "program", start.is_beside)
        self._objects = [program]
        self._known: dict[str, Object] = {}
        self._files_known: dict[tuple[bool, str], Object] = {}
        self._wanted: dict[str, list[str]] = {}
        self._missing: dict[tuple[str, str], Missing] = {}
        self._cached: dict[str, str] = {}
        self._variants: dict[str, None] = {}
        self._notes: dict[str, None] = {}

    def resolve(self) -> Closure:
        program = self._objects[0]
        if self._loader.found.path:
            self._take_loader()
        for name in self._start.preload:
            self._load(name, program)
        at = 0
        while at < len(self._objects) and len(self._objects) < MAX_OBJECTS:
            for name in self._objects[at].dynamic.libraries:
                self._load(name, self._objects[at])
            at += 1
            if at == len(self._objects):
                self._load_extra()
        if self._loader.is_musl:
            self._check_symbols()
        else:
            self._check_versions()
        self._note_twins()
        return Closure(
            objects=tuple(self._objects),
            loader=self._loader,
            wanted={path: tuple(names) for path, names in self._wanted.items()},
            missing=tuple(self._missing.values()),
            cached=tuple(sorted(self._cached.items())),
            variants=tuple(self._variants),
            notes=tuple(self._notes),
        )

    def _load_extra(self) -> None:
        """Names that an object of the closure opens by dlopen, after everything else."""
        by_path = {known.path: known for known in self._objects}
        for name, asker in self._start.extra:
            if asker in by_path:
                self._load(name, by_path[asker])

    def _take_loader(self) -> None:
        """The kernel has loaded it already; its soname stands for it."""
        path, found = self._loader.path, self._loader.found
        read = self._read(found, beside=False)
        if isinstance(read, str):
            self._miss(path, self._objects[0], read)
            return
        loaded = Object(path, found, *read, "interpreter", False, self._objects[0])
        self._remember(loaded, path.rpartition("/")[2])
        self._want(loaded, self._objects[0], "interpreter of")

    def _load(self, name: str, asker: Object) -> None:
        own = MUSL_OWN.match(name) if self._loader.is_musl else None
        if own and self._loader.found.path:
            known: Object | None = self._known.get(self._loader.path.rpartition("/")[2])
        else:
            known = self._known.get(name)
        if known is None:
            known = self._find(name, asker)
        if known is None:
            return
        self._remember(known, name)
        self._want(known, asker, f"{name} of")

    def _remember(self, loaded: Object, name: str) -> None:
        self._known.setdefault(name, loaded)
        if loaded not in self._objects:
            self._objects.append(loaded)
            self._files_known[loaded.is_beside, loaded.found.path] = loaded
            if loaded.dynamic.soname and not self._loader.is_musl:
                self._known.setdefault(loaded.dynamic.soname, loaded)

    def _want(self, loaded: Object, asker: Object, how: str) -> None:
        wishes = self._wanted.setdefault(loaded.path, [])
        wish = f"{how} {asker.path}"
        if wish not in wishes:
            wishes.append(wish)

    # ---- where a name is looked for --------------------------------------------------------

    def _find(self, name: str, asker: Object) -> Object | None:
        passed: list[str] = []
        for path, place, beside, how in self._candidates(name, asker):
            found = (self._beside if beside else self._files).find(place)
            if found is None:
                continue
            known = self._files_known.get((beside, found.path))
            if known is not None:
                return known
            read = self._read(found, beside=beside)
            if isinstance(read, str):
                if self._is_fatal(read):
                    self._miss(name, asker, f"{path} {read}")
                    return None
                passed.append(f"{path} {read}")
                continue
            loaded = Object(path, found, *read, how, beside, asker)
            if how in ("ld.so.cache", "ld.so.conf") and path.rpartition("/")[0] not in (
                self._loader.directories
            ):
                self._cached[name] = path
            return loaded
        self._miss(name, asker, "; ".join(passed) or "no directory that is searched has it")
        return None

    def _is_fatal(self, said: str) -> bool:
        """ld.so passes over files for other machines, and stops at what is no ELF file."""
        return self._loader.is_musl or not said.startswith("is for ")

    def _candidates(self, name: str, asker: Object) -> Iterator[tuple[str, str, bool, str]]:
        """(path in the image, path in the root, whether beside the program, how)."""
        if "/" in name:
            expanded = self._expand(name, asker)
            if expanded:
                yield *expanded, "its path"
            return
        searches = self._musl_searches(asker) if self._loader.is_musl else self._searches(asker)
        for entry, owner, how in searches:
            if how == "ld.so.cache":
                yield from self._from_cache(name, asker)
                continue
            directory = self._expand(entry, owner)
            if directory:
                path, place, beside = directory
                if not beside and not self._loader.is_musl:
                    self._note_variants(name, path)
                yield f"{path}/{name}", f"{place}/{name}", beside, how

    def _searches(self, asker: Object) -> Iterator[tuple[str, Object, str]]:
        if not asker.dynamic.runpath:
            for owner in self._chain(asker):
                if not owner.dynamic.runpath:
                    for entry in owner.dynamic.rpath:
                        yield entry, owner, f"RPATH of {owner.path}"
        for entry in self._start.library_path:
            yield entry, self._objects[0], "LD_LIBRARY_PATH"
        for entry in asker.dynamic.runpath:
            yield entry, asker, f"RUNPATH of {asker.path}"
        has_defaults = not asker.dynamic.flags & fields.DF_1_NODEFLIB
        yield "", asker, "ld.so.cache"
        if has_defaults:
            for entry in self._loader.configured:
                yield entry, asker, "ld.so.conf"
            for entry in self._loader.directories:
                yield entry, asker, "the loader's directories"

    def _musl_searches(self, asker: Object) -> Iterator[tuple[str, Object, str]]:
        for entry in self._start.library_path:
            yield entry, self._objects[0], "LD_LIBRARY_PATH"
        for owner in self._chain(asker):
            for entry in owner.dynamic.runpath or owner.dynamic.rpath:
                yield entry, owner, f"RPATH of {owner.path}"
        for entry in self._loader.directories:
            yield entry, asker, "the loader's directories"

    def _chain(self, asker: Object) -> Iterator[Object]:
        """Whoever asks, who loaded it, and so on up to the program."""
        at: Object | None = asker
        for _ in range(MAX_OBJECTS):
            if at is None:
                return
            yield at
            at = at.loaded_by

    def _from_cache(self, name: str, asker: Object) -> Iterator[tuple[str, str, bool, str]]:
        only_others = bool(asker.dynamic.flags & fields.DF_1_NODEFLIB)
        for cached in self._loader.cache.get(name, ()):
            path = posixpath.normpath(cached.path)
            if only_others and path.rpartition("/")[0] in self._loader.directories:
                continue
            if cached.is_plain:
                yield path, path, False, "ld.so.cache"
            else:
                self._variants.setdefault(path)

    def _expand(self, entry: str, owner: Object) -> tuple[str, str, bool] | None:
        """A search entry with its tokens replaced. None for one that depends on the working
        directory, which an image does not have until it runs.
        """
        beside = owner.is_beside and "ORIGIN" in entry

        def text(origin: str) -> str:
            values = {
                "ORIGIN": origin,
                "LIB": self._loader.library_directory,
                "PLATFORM": PLATFORMS.get(self._platform.architecture, ""),
            }
            return TOKEN.sub(lambda m: values[m[1] or m[2]], entry)

        path = text(owner.path.rpartition("/")[0])
        if not path.startswith("/"):
            self._notes.setdefault(f"{owner.path} searches {entry or '.'!r}, which is left out")
            return None
        place = text(owner.found.path.rpartition("/")[0]) if beside else path
        return _normal(path), _normal(place), beside

    def _note_variants(self, name: str, directory: str) -> None:
        for level in self._files.names(f"{directory}/{HWCAPS}"):
            path = f"{directory}/{HWCAPS}/{level}/{name}"
            if self._files.find(path):
                self._variants.setdefault(path)

    def _read(self, found: Found, *, beside: bool) -> tuple[Elf, Dynamic] | str:
        """The file's headers, or why it cannot be loaded."""
        try:
            elf = read_elf((self._beside if beside else self._files).read(found))
            if elf.platform.architecture != self._platform.architecture:
                return f"is for {elf.platform.architecture}"
            return elf, read_dynamic(elf)
        except WhitError as error:
            if "machine" in error.message or "which whit does not know" in error.message:
                return "is for another machine"
            return f"cannot be loaded ({error.message})"

    # ---- what was found --------------------------------------------------------------------

    def _check_versions(self) -> None:
        """dl-version.c: a library without any version only makes ld.so complain."""
        for asker in self._objects:
            for library, version in asker.dynamic.versions:
                known = self._known.get(library)
                if known is None or not known.dynamic.definitions:
                    continue
                if version in known.dynamic.definitions:
                    continue
                symbols = symbols_of_version(asker.elf, asker.dynamic, library, version)
                shown = f" ({', '.join(symbols[:4])}{' …' if len(symbols) > 4 else ''})"
                newest = _newest(known.dynamic.definitions, version)
                has = f"{known.path} has {newest}" if newest else f"{known.path} has not"
                self._miss(f"{version} of {library}{shown if symbols else ''}", asker, has)

    def _check_symbols(self) -> None:
        """Musl binds everything at the start, and has no versions: each symbol must be there."""
        if self._missing or not self._loader.found.path:
            return
        defined: set[str] = set()
        for known in self._objects:
            defined |= defined_symbols(known.elf, known.dynamic)
        for asker in self._objects:
            lacking = sorted(required_symbols(asker.elf, asker.dynamic) - defined)
            if lacking:
                shown = ", ".join(lacking[:4]) + (" …" if len(lacking) > 4 else "")
                word = "symbol" if len(lacking) == 1 else "symbols"
                self._miss(f"{word} {shown}", asker, "no library that is loaded defines it")

    def _note_twins(self) -> None:
        """Two different files with one soname are both loaded when both are asked for by path or
        by other names; their symbols then hide each other's.
        """
        first: dict[str, Object] = {}
        for known in self._objects[1:]:
            soname = known.dynamic.soname
            other = first.setdefault(soname, known) if soname else known
            if other is not known:
                note = f"{other.path} and {known.path} both call themselves {soname}"
                self._notes.setdefault(note)

    def _miss(self, name: str, asker: Object, why: str) -> None:
        self._missing.setdefault((name, asker.path), Missing(name, asker.path, why))


def _normal(path: str) -> str:
    normal = posixpath.normpath(path)
    return "/" + normal.lstrip("/")


def _newest(definitions: tuple[str, ...], version: str) -> str:
    """The highest defined version of the same family: GLIBC_2.36 for GLIBC_2.38."""
    family = version.rpartition("_")[0]

    def number(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", text))

    alike = [d for d in definitions if d.rpartition("_")[0] == family and number(d)]
    return f"up to {max(alike, key=number)}" if family and alike else ""
