"""Bytes of a program in, Facts out: what the bytes state, never a guess. Pure."""

from enum import StrEnum

import msgspec

from whit.binary.dynamic import read_dynamic
from whit.binary.elf import ET_DYN, PAGE_BYTES, SHT_NOBITS, UPX, Elf, read_elf
from whit.binary.functions import Functions, FunctionTable, read_functions
from whit.binary.goinfo import GoInfo, Module, read_goinfo
from whit.errors.binary import NotAProgram
from whit.model.names import Platform

__all__ = ["Facts", "Functions", "GoInfo", "Linkage", "Module", "read_facts"]

# GOARM, GOAMD64, GOARM64 of the build info -> the OCI variant of the platform.
VARIANTS = {"arm": ("GOARM", "v"), "arm64": ("GOARM64", ""), "amd64": ("GOAMD64", "")}


class Linkage(StrEnum):
    """static: fixed addresses; static-pie: relocates itself; dynamic: needs a loader."""

    STATIC = "static"
    STATIC_PIE = "static-pie"
    DYNAMIC = "dynamic"


class Facts(msgspec.Struct, frozen=True):
    """`symbol_versions` pairs a library with a version it must have. `packed` is what UPX made the
    file of, in bytes, 0 where its header does not say; None where it did not. `go` is None for a
    program that is not Go's; `functions` is empty where no Go function table was found. `table`
    and `elf` are handles into the bytes, for `binary.calls`.
    """

    platform: Platform
    linkage: Linkage
    size: int
    interpreter: str
    libraries: tuple[str, ...]
    rpath: tuple[str, ...]
    runpath: tuple[str, ...]
    symbol_versions: tuple[tuple[str, str], ...]
    is_stripped: bool
    has_dwarf: bool
    packed: int | None
    go: GoInfo | None
    functions: Functions
    elf: Elf
    table: FunctionTable | None

    @property
    def is_packed(self) -> bool:
        return self.packed is not None

    @property
    def is_obfuscated(self) -> bool:
        """Obfuscators leave the table, which the runtime needs, and take the build info."""
        return self.table is not None and (self.table.is_masked or self.go is None)

    def links(self, name: str) -> bool:
        """Whether a function of exactly this name is linked, or inlined anywhere."""
        return name in self.functions


def read_facts(data: memoryview) -> Facts:
    """Errors: NotAProgram, BrokenProgram. Copies the names of functions, maps the rest."""
    elf = read_elf(data)
    dynamic = read_dynamic(elf)
    if dynamic.is_library or (elf.kind == ET_DYN and not elf.start and not dynamic.interpreter):
        raise NotAProgram(
            f"the file is a shared library{f' ({dynamic.soname})' if dynamic.soname else ''}, "
            "not a program",
            hint="name the program that loads it",
        )
    go = read_goinfo(elf)
    table = read_functions(elf, go.minor if go else 0)
    linkage = Linkage.STATIC
    if dynamic.interpreter or dynamic.libraries:
        linkage = Linkage.DYNAMIC
    elif elf.kind == ET_DYN:
        linkage = Linkage.STATIC_PIE
    return Facts(
        platform=_with_variant(elf.platform, go),
        linkage=linkage,
        size=len(data),
        interpreter=dynamic.interpreter,
        libraries=dynamic.libraries,
        rpath=dynamic.rpath,
        runpath=dynamic.runpath,
        symbol_versions=dynamic.versions,
        is_stripped=".symtab" not in elf.sections,
        has_dwarf=_has_dwarf(elf),
        packed=_packed(elf),
        go=go,
        functions=Functions(table),
        elf=elf,
        table=table,
    )


def _has_dwarf(elf: Elf) -> bool:
    names = (".debug_info", ".zdebug_info")
    return any(n in elf.sections and elf.sections[n].kind != SHT_NOBITS for n in names)


def _packed(elf: Elf) -> int | None:
    """UPX leaves its name behind the headers, and 12 bytes further what the file weighed."""
    at = bytes(elf.data[:PAGE_BYTES]).find(UPX)
    if at < 0 or elf.sections:
        return None
    return elf.unsigned(at + 12, 4) if at + 16 <= len(elf.data) else 0


def _with_variant(platform: Platform, go: GoInfo | None) -> Platform:
    """arm/v7 and arm64/v8.1: the base of an architecture is its plain name."""
    key, prefix = VARIANTS.get(platform.architecture, ("", ""))
    value = go.setting(key).partition(",")[0] if go and key else ""
    variant = prefix + value if value else ""
    if variant in ("v1", "v8.0"):
        variant = ""
    return Platform(platform.os, platform.architecture, variant)
