"""A running program's process id in, the TCP ports that its network listens on out (a door)."""

from contextlib import suppress
from pathlib import Path

_LISTEN = "0A"
_GREATEST_TABLE_BYTES = 1 << 20


def listening_ports(process: int) -> frozenset[int]:
    """Of its network namespace; nothing when it has ended."""
    found = set()
    for name in ("tcp", "tcp6"):
        text = ""
        with suppress(OSError), Path(f"/proc/{process}/net/{name}").open() as file:
            text = file.read(_GREATEST_TABLE_BYTES)
        for line in text.splitlines()[1:]:
            # "0: 00000000:1F90 00000000:0000 0A ..."
            fields = line.split()
            if len(fields) > 3 and fields[3] == _LISTEN:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return frozenset(found)
