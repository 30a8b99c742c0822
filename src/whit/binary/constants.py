"""Text and call sites in, constant string arguments out. Pure.

Go passes integer words in registers since 1.17. Before a call with a constant string stand, in any
order, the load of its address and of its length. The window looked at never reaches back over the
call before: behind it registers mean something else (without that bound 24 of 27 values were
wrong in one program; with it 1 of 1,315).
"""

import struct

from whit.binary.amd64 import jumps_in as amd64_jumps
from whit.binary.amd64 import starts_in
from whit.binary.elf import PF_W
from whit.binary.references import arm64_address
from whit.binary.text import Text

WINDOW_BYTES = 96
MAX_DECODED_BYTES = 2048
MAX_STRING_BYTES = 4096
# rax rbx rcx rdi rsi r8 r9 r10 r11: LEA reg,[rip+x], MOV reg,imm32 and XOR reg,reg.
LEA = (
    b"\x48\x8d\x05", b"\x48\x8d\x1d", b"\x48\x8d\x0d", b"\x48\x8d\x3d", b"\x48\x8d\x35",
    b"\x4c\x8d\x05", b"\x4c\x8d\x0d", b"\x4c\x8d\x15", b"\x4c\x8d\x1d",
)  # fmt: skip
MOV = (b"\xb8", b"\xbb", b"\xb9", b"\xbf", b"\xbe", b"A\xb8", b"A\xb9", b"A\xba", b"A\xbb")
XOR = (b"1\xc0", b"1\xdb", b"1\xc9", b"1\xff", b"1\xf6", b"E1\xc0", b"E1\xc9", b"E1\xd2", b"E1\xdb")


def constant_at(text: Text, site: int, after: int, word: int) -> str | None:
    """The string in argument words `word` and `word + 1` of the call at `site`; None when it is
    no constant. `after` is the distance behind which the window may begin.
    """
    low = max(after, site - WINDOW_BYTES)
    if text.elf.platform.architecture == "arm64":
        found = _arm64_pair(text, low & ~3, site, word)
    else:
        found = _amd64_pair(text, low, site, word, _amd64_starts(text.code, after, low, site))
    if found is None:
        return None
    address, length = found
    return "" if length == 0 else read_only_string(text, address, length)


def is_certain(text: Text, function: int, site: int, word: int) -> bool:
    """Whether the call at `site` can only have the constant that `constant_at` gives.

    True only when nothing but loads of constants stands between the address, the length and the
    call, and nothing in the function may jump in between: then no other value can arrive.
    """
    low, high = text.entries[function], text.entries[function + 1]
    if text.elf.platform.architecture == "arm64":
        begin = _arm64_begin(text, low, site, word)
    else:
        begin = _amd64_begin(text, low, site, word) if word + 1 < len(LEA) else None
    if begin is None:
        return False
    jumps = _jumps_of(text, low, high)
    return jumps is not None and not any(begin < target <= site for target in jumps)


def _jumps_of(text: Text, low: int, high: int) -> set[int] | None:
    if text.elf.platform.architecture == "arm64":
        return arm64_jumps(text.code, low, high)
    return amd64_jumps(text.code, low, high)


def _amd64_begin(text: Text, low: int, site: int, word: int) -> int | None:
    """Where the loads of the pair begin that stand right before the call."""
    own = (LEA[word], MOV[word + 1])
    at, seen = site, set[bytes]()
    while len(seen) < 2:
        for head, size in _SIMPLE:
            start = at - size
            if start >= low and text.code.startswith(head, start):
                at = start
                seen.update({head} & set(own))
                break
        else:
            return None
    return at


def _arm64_begin(text: Text, low: int, site: int, word: int) -> int | None:
    """As above. Behind the pair's first load no other may follow, so the last word is looked at
    by `constant_at` and here only the kind of each instruction.
    """
    at, seen = site, set[int]()
    while not {word, word + 1} <= seen:
        at -= 4
        if at < low:
            return None
        one = struct.unpack_from("<I", text.code, at)[0]
        is_page = one & 0x9F000000 == 0x90000000
        is_sum = one & 0xFFC00000 == 0x91000000
        is_number = one & 0xFFE00000 == 0xD2800000 or one & 0xFF8003E0 == 0xB20003E0
        if is_sum or is_number:
            seen.add(one & 31)
        elif not is_page and one != _ARM64_NOP:
            return None
    # The ADRP of the first sum.
    return at - 4 if text.code[at - 1] & 0x9F == 0x90 and at - 4 >= low else at


_ARM64_NOP = 0xD503201F
_NOPS = (b"\x90", b"f\x90", b"\x0f\x1f\x00", b"\x0f\x1f@\x00", b"\x0f\x1fD\x00\x00")
# Instructions that may stand there, longest first, with their sizes.
_SIMPLE = (
    *((lea, 7) for lea in LEA),
    *((mov, 4 + len(mov)) for mov in reversed(MOV)),
    *((nop, len(nop)) for nop in reversed(_NOPS)),
)


def arm64_jumps(code: bytes, low: int, high: int) -> set[int] | None:
    """Every place that the function jumps to; None when it jumps by a register, to anywhere."""
    found = set()
    for at in range(low, high - 3, 4):
        one = struct.unpack_from("<I", code, at)[0]
        if one & 0xFC000000 == 0x14000000:  # B
            found.add(at + 4 * _signed(one, 26))
        elif one & 0xFF000000 == 0x54000000 or one & 0x7E000000 == 0x34000000:  # B.cond, CBZ, CBNZ
            found.add(at + 4 * _signed(one >> 5, 19))
        elif one & 0x7E000000 == 0x36000000:  # TBZ, TBNZ
            found.add(at + 4 * _signed(one >> 5, 14))
        elif one & 0xFFFFFC1F == 0xD61F0000:  # BR
            return None
    return found


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _amd64_starts(code: bytes, after: int, low: int, site: int) -> list[int]:
    """Where instructions begin in the window; all of its bytes when that cannot be told."""
    known = starts_in(code, after, site) if site - after <= MAX_DECODED_BYTES else []
    return [at for at in known if at >= low] or list(range(low, site))


def _amd64_pair(
    text: Text, low: int, site: int, word: int, starts: list[int]
) -> tuple[int, int] | None:
    if word + 1 >= len(LEA):
        return None
    code, move, zero = text.code, MOV[word + 1], XOR[word + 1]
    load = length_at = -1
    is_empty = False
    for at in starts:
        if code.startswith(LEA[word], at) and at + 7 <= site:
            load = at
        elif code.startswith(move, at) and at + len(move) + 4 <= site:
            # B9 is also the tail of 41 B9: a prefixed form is another register.
            if len(move) > 1 or at == low or code[at - 1] != 0x41 or len(starts) < site - low:
                length_at, is_empty = at + len(move), False
        elif code.startswith(zero, at):
            length_at, is_empty = at, True
    if is_empty:
        return 0, 0
    if load < 0 or length_at < 0:
        return None
    distance = struct.unpack_from("<i", code, load + 3)[0]
    return text.start + load + 7 + distance, struct.unpack_from("<I", code, length_at)[0]


def _arm64_pair(text: Text, low: int, site: int, word: int) -> tuple[int, int] | None:
    """Follow constants through the registers; what else writes a register makes it unknown."""
    registers: dict[int, int] = {31: 0}
    for at in range(low, site - 3, 4):
        one = struct.unpack_from("<I", text.code, at)[0]
        target = one & 31
        if one & 0x9F000000 == 0x90000000:  # ADRP; ADD completes it
            following = struct.unpack_from("<I", text.code, at + 4)[0]
            made = arm64_address(text.start + at, one, following)
            registers.pop(target, None)
            if made is not None and following & 0xFFC00000 == 0x91000000:
                registers[following & 31] = made
        elif one & 0xFFE00000 == 0xD2800000:  # MOVZ
            registers[target] = one >> 5 & 0xFFFF
        elif one & 0xFF8003E0 == 0xB20003E0:  # ORR of an immediate and zero
            _set(registers, target, logical_immediate(one))
        elif one & 0xFFE0FFE0 == 0xAA0003E0:  # MOV
            _set(registers, target, registers.get(one >> 16 & 31))
        elif not _completes_address(text, at, one) and _writes(one):
            registers.pop(target, None)
        registers[31] = 0
    address, length = registers.get(word), registers.get(word + 1)
    if length == 0:
        return 0, 0
    return None if address is None or length is None else (address, length)


def _set(registers: dict[int, int], register: int, value: int | None) -> None:
    registers.pop(register, None)
    if value is not None:
        registers[register] = value


def _completes_address(text: Text, at: int, one: int) -> bool:
    """Whether this is the ADD behind an ADRP, which was read together with it."""
    if at < 4 or one & 0xFFC00000 != 0x91000000:
        return False
    before = struct.unpack_from("<I", text.code, at - 4)[0]
    return bool(before & 0x9F000000 == 0x90000000 and before & 31 == one >> 5 & 31)


def _writes(one: int) -> bool:
    """Whether the register in the low five bits is written: not by stores, nor by branches."""
    is_memory = one & 0x0A000000 == 0x08000000
    is_branch = one & 0x1C000000 == 0x14000000
    return bool(one >> 22 & 1) if is_memory else not is_branch


def logical_immediate(instruction: int) -> int | None:
    """ORR Xd, xzr, #imm with 64-bit elements: a run of ones, rotated (Arm ARM, DecodeBitMasks)."""
    if not instruction >> 22 & 1:
        return None
    rotate, ones = instruction >> 16 & 63, (instruction >> 10 & 63) + 1
    value = (1 << ones) - 1
    return (value >> rotate | value << (64 - rotate)) & (1 << 64) - 1 if rotate else value


def read_only_string(text: Text, address: int, length: int) -> str | None:
    """The bytes there as text; None when they are none, or when the program may change them."""
    if not 0 < length <= MAX_STRING_BYTES:
        return None
    for segment in text.elf.loads:
        inside = segment.address <= address and (
            address + length <= segment.address + segment.file_size
        )
        if inside and not segment.flags & PF_W:
            start = segment.offset + address - segment.address
            raw = bytes(text.elf.data[start : start + length])
            try:
                return raw.decode()
            except UnicodeDecodeError:
                return None
    return None
