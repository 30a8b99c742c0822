"""A stripped program and its twin with symbols in, how far whit is off out, as JSON in per cent.

text_error      functions: bytes of code on another symbol than the linker's table says
package_error   packages: bytes of what both programs have, on another package
unknown_*       bytes of the file that nothing accounts for

.venv/bin/python bench/attribution.py STRIPPED FULL
"""

import json
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

from whit.binary.facts import read_facts
from whit.binary.sizes import Sizes, sizes_of
from whit.binary.symtab import STT_FUNC, read_symbols


def main() -> None:
    stripped, full = (read_facts(memoryview(Path(name).read_bytes())) for name in sys.argv[1:3])
    found, exact = sizes_of(stripped), sizes_of(full)
    symbols = read_symbols(full.elf)
    if symbols is None:
        sys.exit(f"{sys.argv[2]} has no symbols")
    linked: Counter[str] = Counter()
    functions = [
        (int(address), name, int(size))
        for address, name, size, kind in zip(
            symbols.addresses, symbols.names, symbols.sizes, symbols.kinds, strict=True
        )
        if kind == STT_FUNC
    ]
    for (address, name, size), (following, *_) in pairwise([*functions, functions[-1]]):
        # Padding up to the next function belongs to the one that needs it.
        linked[name.removesuffix(".abi0")] += size + (following - address - size) * (
            0 <= following - address - size < 64
        )
    code = Counter[str]()
    for part in found.parts:
        if part.section == ".text":
            code[part.symbol] += part.size
    shared = {part.section for part in found.parts} & {part.section for part in exact.parts}
    shared = {name for name in shared if name.startswith((".text", ".rodata", ".data", "pcl"))}
    shared |= {".noptrdata", ".go.type", ".data.rel.ro"}
    told = {
        "text_error": _off(code, linked),
        "package_error": _off(_by_package(found, shared), _by_package(exact, shared)),
        "unknown_stripped": 100 * found.unknown / found.total,
        "unknown_full": 100 * exact.unknown / exact.total,
    }
    print(json.dumps(told))


def _by_package(sizes: Sizes, sections: set[str]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for part in sizes.parts:
        if part.section in sections:
            counted[part.package] += part.size
    return counted


def _off(found: Counter[str], known: Counter[str]) -> float:
    """Bytes that would have to move, of all; what only padding makes is within it."""
    moved = sum(abs(found[name] - known[name]) for name in found.keys() | known.keys()) / 2
    return 100 * moved / max(1, sum(known.values()))


if __name__ == "__main__":
    main()
