"""A stripped program in, what stripping saved out: measured once, scaled after that.

What the linker left out cannot be read from the program, so the first build of a package links it
a second time, in full, while the layers are written. The proportion is remembered; later builds
say "about". `--quiet` builds, prebuilt programs and those made with credentials are not measured.
"""

import os

import msgspec

from whit.errors import WhitError
from whit.golang.compile import Compilation, start_compile
from whit.model.program import Binary, Strip
from whit.model.result import Stripping
from whit.store.blobs import Store
from whit.store.steps import key_of


class Proportion(msgspec.Struct, frozen=True):
    digest: str
    full_bytes: int
    stripped_bytes: int


class Measurement:
    """A second link under way, or what an earlier one found."""

    def __init__(self, binary: Binary, go_version: str, store: Store) -> None:
        self._binary, self._store = binary, store
        self._known: Proportion | None = None
        self._compilation: Compilation | None = None
        recipe = binary.recipe
        if recipe is None or recipe.strip is Strip.NONE:
            return
        self._key = key_of(
            "stripping", binary.package, go_version, str(binary.platform), recipe.strip
        )
        self._known = _decoded(store.steps.get(self._key))
        if self._known is None:
            full = msgspec.structs.replace(recipe, strip=Strip.NONE)
            self._compilation = start_compile(full)

    def result(self) -> Stripping | None:
        """None when there is nothing to compare with."""
        if self._compilation is not None:
            self._measure(self._compilation)
        known = self._known
        if known is None:
            return None
        if known.digest == self._binary.digest:
            return Stripping(known.full_bytes, known.stripped_bytes, is_measured=True)
        full = self._binary.size * known.full_bytes // known.stripped_bytes
        return Stripping(full, self._binary.size, is_measured=False)

    def _measure(self, compilation: Compilation) -> None:
        try:
            binaries = compilation.wait()
        except WhitError:
            return  # the program itself was built; not knowing this number is no failure
        full = next((b for b in binaries if b.name == self._binary.name), None)
        for made in binaries:
            os.unlink(made.path)
        if full is not None:
            self._known = Proportion(self._binary.digest, full.size, self._binary.size)
            self._store.steps.put(self._key, msgspec.json.encode(self._known))


def _decoded(value: bytes | None) -> Proportion | None:
    try:
        return msgspec.json.decode(value, type=Proportion) if value else None
    except msgspec.DecodeError:
        return None
