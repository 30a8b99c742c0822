"""Text in, the string literals that a function puts together out, and where they go. Pure.

A constant string is made of two constants, its address and its length, that the compiler writes
side by side: into argument registers, or into the two words of a field. Which length belongs to an
address is not stated, so every one that stands beside it is tried: whoever asks knows the form of
what is looked for, and takes the longest value that has it.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterator

import msgspec

from whit.binary.constants import LEA, logical_immediate, read_only_string
from whit.binary.references import arm64_address, arm64_page_loads
from whit.binary.text import Text

MAX_LITERAL_BYTES = 256
MAX_FUNCTION_BYTES = 1 << 20
NEIGHBOURS = 4


class Literal(msgspec.Struct, frozen=True):
    """`values` are the strings that may be meant. `following` is the index of the function that
    the next call goes to, or -1; `is_argument` says whether the address is in a register in which
    that call can take it.
    """

    values: tuple[str, ...]
    following: int
    is_argument: bool


def literals_in(
    text: Text, function: int, sites: list[int], targets: list[int]
) -> Iterator[Literal]:
    """Every literal of the function with this index, given all calls of the program."""
    low, high = text.entries[function], text.entries[function + 1]
    if high - low > MAX_FUNCTION_BYTES:
        return
    is_arm = text.elf.platform.architecture == "arm64"
    for at, address, lengths, is_argument in (_arm64 if is_arm else _amd64)(text, low, high):
        found = (read_only_string(text, address, length) for length in sorted(lengths))
        values = tuple(value for value in found if value)
        if values:
            position = bisect_left(sites, at)
            is_inside = position < len(sites) and sites[position] < high
            yield Literal(values, targets[position] if is_inside else -1, is_argument)


def lengths_beside(text: Text, site: int) -> set[int]:
    """The numbers beside the load of an address at `site` that may be its string's length; none
    beside a load that takes what lies there.
    """
    if text.elf.platform.architecture == "arm64":
        function = text.function_at(site)
        return _arm64_lengths(text.code, text.entries[function], text.entries[function + 1], site)
    if text.code[site + 1] != 0x8D:
        return set()
    return {length for length in _amd64_lengths(text.code, site) if length}


def held_string(text: Text, address: int) -> str | None:
    """The string whose header (address, length) a variable holds when the program starts."""
    offset = text.elf.offset_of(address)
    if offset is None or address % 8 or offset + 16 > len(text.elf.data):
        return None
    return read_only_string(text, text.word(offset), text.elf.pointer(offset + 8))


def address_at(text: Text, site: int, after: int) -> int | None:
    """The address that is loaded as the first argument of the call at `site`, if one is."""
    if text.elf.platform.architecture == "arm64":
        found = [t for _, t, register in _pages(text, after, site) if register == 0]
        return found[-1] if found else None
    load = text.code.rfind(LEA[0], after, site)
    if load < 0 or load + 7 > site:
        return None
    return text.start + load + 7 + int(struct.unpack_from("<i", text.code, load + 3)[0])


def _amd64(text: Text, low: int, high: int) -> Iterator[tuple[int, int, set[int], bool]]:
    code = text.code
    at = low
    while (at := code.find(b"\x8d", at + 1, high - 5)) > 0:
        start = at - 1
        if code[start] not in b"\x48\x4c" or code[at + 1] & 0xC7 != 0x05 or start < low:
            continue
        address = text.start + at + 6 + struct.unpack_from("<i", code, at + 2)[0]
        lengths = {length for length in _amd64_lengths(code, start) if length}
        yield start, address, lengths, code[start : at + 2] in LEA


def _amd64_lengths(code: bytes, start: int) -> Iterator[int]:
    """The 32-bit immediates of the instructions before and behind a LEA of seven bytes."""
    if _is_immediate_move(code, start - 5, 5) or any(
        _is_immediate_move(code, start - size, size) for size in (7, 8, 9, 11, 12)
    ):
        yield _length(code, start - 4)
    # A store of the address may stand in between.
    for skip in (0, 3, 4, 5, 7, 8):
        at = start + 7 + skip
        if skip and code[start + 8 : start + 9] != b"\x89":
            continue
        for size in (5, 6, 7, 8, 9, 11, 12):
            if _is_immediate_move(code, at, size):
                yield _length(code, at + size - 4)


def _is_immediate_move(code: bytes, at: int, size: int) -> bool:
    """MOV r32, imm32 (five bytes, six with a prefix), or MOVQ imm32 to memory."""
    head = code[at : at + 4]
    if len(head) < 4:
        return False
    if size == 5:
        return 0xB8 <= head[0] <= 0xBF
    if size == 6:
        return head[0] == 0x41 and 0xB8 <= head[1] <= 0xBF
    if head[0] not in (0x48, 0x49) or head[1] != 0xC7 or head[2] & 0x38:
        return False
    displacement = {0x00: 0, 0x40: 1, 0x80: 4}.get(head[2] & 0xC0)
    if displacement is None:
        return False
    return size == 7 + displacement + (head[2] & 7 == 4)


def _length(code: bytes, at: int) -> int:
    if at + 4 > len(code):
        return 0
    value = int(struct.unpack_from("<i", code, at)[0])
    return value if 0 < value <= MAX_LITERAL_BYTES else 0


def _arm64(text: Text, low: int, high: int) -> Iterator[tuple[int, int, set[int], bool]]:
    code = text.code
    for at, address, register in _pages(text, low, high):
        yield at, address, _arm64_lengths(code, low, high, at), register < 16


def _arm64_lengths(code: bytes, low: int, high: int, at: int) -> set[int]:
    lengths = set()
    for near in range(max(low, at - 4 * NEIGHBOURS), min(high, at + 8 + 4 * NEIGHBOURS), 4):
        one = struct.unpack_from("<I", code, near)[0]
        value: int | None = None
        if one & 0xFFE00000 == 0xD2800000:  # MOVZ
            value = one >> 5 & 0xFFFF
        elif one & 0xFF8003E0 == 0xB20003E0:  # ORR of an immediate and zero
            value = logical_immediate(one)
        if value and value <= MAX_LITERAL_BYTES:
            lengths.add(value)
    return lengths


def _pages(text: Text, low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """(where, address, register) of each ADRP and the ADD behind it."""
    for at in arm64_page_loads(text.code, low, high - 8):
        first, second = struct.unpack_from("<II", text.code, at)
        address = arm64_address(text.start + at, first, second)
        if address is not None and second & 0xFFC00000 == 0x91000000:
            yield at, address, second & 31
