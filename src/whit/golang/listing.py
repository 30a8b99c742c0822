"""Package patterns in, what `go list` says about them out."""

from collections.abc import Mapping, Sequence

import msgspec

from whit.errors.golang import ChooseProgram
from whit.golang.process import Outcome, Running
from whit.golang.toolchain import Toolchain
from whit.model.program import Source

# One line a package. Tab-separated text: half of what -json costs, nothing to decode.
_FORMAT = (
    "{{.Name}}\t{{.ImportPath}}\t{{.Dir}}\t{{with .Module}}{{.Path}}{{end}}\t"
    "{{.Standard}}\t{{len .CgoFiles}}\t{{len .GoFiles}}"
)


class Package(msgspec.Struct, frozen=True):
    """A package as Go sees it. `file_count` counts the Go files that this build uses;
    `cgo_file_count` those that need cgo.
    """

    name: str
    path: str
    directory: str
    module: str
    is_standard: bool
    cgo_file_count: int
    file_count: int

    @property
    def is_program(self) -> bool:
        return self.name == "main"

    @property
    def command(self) -> str:
        """The name Go gives the program: the last part of its path that is no major version."""
        parts = self.path.split("/")
        last = parts[-1]
        if len(parts) > 1 and last[:1] == "v" and last[1:].isdigit() and last not in ("v0", "v1"):
            last = parts[-2]
        return last


def start_listing(
    source: Source,
    toolchain: Toolchain,
    env: Mapping[str, str],
    patterns: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> Running:
    """`go list` of the source's packages, or of `patterns`; errors in packages do not end it."""
    chosen = patterns or source.packages
    command = (toolchain.path, "list", "-e", *flags, "-f", _FORMAT, "--", *chosen)
    return Running(command, env, source.directory)


def list_packages(
    source: Source,
    toolchain: Toolchain,
    env: Mapping[str, str],
    patterns: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> tuple[Package, ...]:
    """Start `go list` and read it; flags such as -deps go before the format."""
    return read_listing(start_listing(source, toolchain, env, patterns, flags).wait())


def read_listing(outcome: Outcome) -> tuple[Package, ...]:
    """Lines of the format above; what does not fit it is left out."""
    found = []
    for line in outcome.output.splitlines():
        fields = line.split("\t")
        if len(fields) == 7 and fields[5].isdigit() and fields[6].isdigit():
            name, path, directory, module, standard, cgo_files, files = fields
            found.append(
                Package(
                    name, path, directory, module, standard == "true", int(cgo_files), int(files)
                )
            )
    return tuple(found)


def names_of(packages: Sequence[Package]) -> dict[str, str]:
    """Command name to import path. Two programs of one name would overwrite each other."""
    names: dict[str, str] = {}
    for package in packages:
        if not package.is_program:
            continue
        other = names.setdefault(package.command, package.path)
        if other != package.path:
            raise ChooseProgram(
                f"two programs are called {package.command}: {other} and {package.path}",
                hint="build them by commands of their own",
            )
    return names
