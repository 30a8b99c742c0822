"""The libraries of a program, found in this process: prints milliseconds of each round, as JSON.

python bench/closure.py PROGRAM ROUNDS
"""

import json
import mmap
import sys
import time
from pathlib import Path

from whit.bases.root import Root
from whit.binary.dynamic import read_dynamic
from whit.binary.elf import read_elf
from whit.needs.closure import start_of
from whit.needs.libraries import closure_of


def main() -> None:
    place, rounds = sys.argv[1], int(sys.argv[2])
    times = []
    found = 0
    for _ in range(rounds):
        begun = time.perf_counter()
        with open(place, "rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        elf = read_elf(data)
        start = start_of(
            place, str(Path(place).resolve()), elf, read_dynamic(elf), {}, is_beside=False
        )
        # A root of its own: what an earlier round read must not be known.
        found = len(closure_of(start, Root("/")).libraries)
        times.append((time.perf_counter() - begun) * 1000)
    print(json.dumps({"libraries": found, "milliseconds": times}))


if __name__ == "__main__":
    main()
