"""Machine code of one amd64 function in, its jumps and the bounds of its instructions out. Pure.

Only lengths and jumps are decoded; operands mean nothing here. What is not known is never skipped:
the answer is then None, and whoever asks may conclude nothing.

    [prefixes] [REX] opcode [ModRM [SIB] [displacement]] [immediate]
    C5 x | C4 x x | 62 x x x   stand for prefixes and for the 0F of the opcode
"""

import struct

PREFIXES = b"\x66\xf2\xf3\xf0\x2e\x36\x3e\x26\x64\x65\x67"
OPERAND_SIZE, WIDE = 0x66, 8


def _bytes_of(*ranges: tuple[int, int]) -> frozenset[int]:
    return frozenset(value for low, high in ranges for value in range(low, high + 1))


_ARITHMETIC = [
    (row + 8 * half, row + 8 * half + 3) for row in range(0, 0x40, 16) for half in (0, 1)
]
# Of the opcodes of one byte: those with a ModRM byte, and those with immediates.
_MODRM = _bytes_of(
    *_ARITHMETIC, (0x63, 0x63), (0x69, 0x69), (0x6B, 0x6B), (0x80, 0x81), (0x83, 0x8F),
    (0xC0, 0xC1), (0xC6, 0xC7), (0xD0, 0xD3), (0xD8, 0xDF), (0xF6, 0xF7), (0xFE, 0xFF),
)  # fmt: skip
_BYTE = _bytes_of(
    *((low + 4, low + 4) for low, _ in _ARITHMETIC), (0x6A, 0x6B), (0x70, 0x80), (0x83, 0x83),
    (0xA8, 0xA8), (0xB0, 0xB7), (0xC0, 0xC1), (0xC6, 0xC6), (0xCD, 0xCD), (0xE0, 0xE7),
    (0xEB, 0xEB),
)  # fmt: skip
_WORD = _bytes_of(
    *((low + 5, low + 5) for low, _ in _ARITHMETIC), (0x68, 0x69), (0x81, 0x81), (0xA9, 0xA9),
    (0xB8, 0xBF), (0xC7, 0xC7), (0xE8, 0xE9),
)  # fmt: skip
_UNKNOWN = _bytes_of(
    *((row, row + 1) for row in (0x06, 0x0E, 0x16, 0x1E)), (0x27, 0x27), (0x2F, 0x2F),
    (0x37, 0x37), (0x3F, 0x3F), (0x60, 0x61), (0x82, 0x82), (0x9A, 0x9A), (0xA0, 0xA3),
    (0xC8, 0xC8), (0xCA, 0xCA), (0xCE, 0xCE), (0xD4, 0xD6), (0xEA, 0xEA),
)  # fmt: skip
# Of the opcodes behind 0F: those without a ModRM byte, and those with an immediate byte.
_PLAIN = _bytes_of(
    (0x05, 0x09), (0x0B, 0x0B), (0x30, 0x35), (0x37, 0x37), (0x77, 0x77), (0x80, 0x8F),
    (0xA0, 0xA2), (0xA8, 0xAA), (0xC8, 0xCF),
)  # fmt: skip
_BYTE_0F = _bytes_of(
    (0x70, 0x73), (0xA4, 0xA4), (0xAC, 0xAC), (0xBA, 0xBA), (0xC2, 0xC2), (0xC4, 0xC6)
)


def jumps_in(code: bytes, low: int, high: int) -> set[int] | None:
    """Every place that the function at [low, high) jumps to; None when that cannot be known."""
    found = set()
    at = low
    try:
        while at < high:
            length, opcode, modrm = _decoded(code, at)
            end = at + length
            if opcode in (0xEB, *range(0x70, 0x80), *range(0xE0, 0xE4)):
                found.add(end + struct.unpack_from("<b", code, end - 1)[0])
            elif opcode == 0xE9 or 0x0F80 <= opcode <= 0x0F8F:
                found.add(end + struct.unpack_from("<i", code, end - 4)[0])
            elif opcode == 0xFF and modrm >> 3 & 7 in (4, 5):
                return None  # through a table or a register: anywhere
            at = end
    except (ValueError, IndexError, struct.error):
        return None
    return found if at == high else None


def starts_in(code: bytes, low: int, high: int) -> list[int]:
    """Where the instructions between two known ones begin; nothing when that cannot be known."""
    found = []
    at = low
    try:
        while at < high:
            found.append(at)
            at += _decoded(code, at)[0]
    except (ValueError, IndexError):
        return []
    return found if at == high else []


def _decoded(code: bytes, at: int) -> tuple[int, int, int]:
    """Length, opcode and ModRM byte (0 without one) of an instruction. Errors: ValueError."""
    start = at
    is_short = is_wide = False
    while code[at] in PREFIXES:
        is_short = is_short or code[at] == OPERAND_SIZE
        at += 1
    if code[at] & 0xF0 == 0x40:
        is_wide = bool(code[at] & WIDE)
        at += 1
    opcode = code[at]
    if opcode in (0xC4, 0xC5, 0x62):
        payload = {0xC5: 1, 0xC4: 2, 0x62: 3}[opcode]
        # The low bits of the first payload byte choose the table; two bytes mean the first.
        table = 1 if opcode == 0xC5 else code[at + 1] & (7 if opcode == 0x62 else 31)
        at += 1 + payload
        if table not in (1, 2, 3):
            raise ValueError(table)
        opcode = {1: 0x0F00, 2: 0x0F3800, 3: 0x0F3A00}[table] | code[at]
    elif opcode == 0x0F:
        at += 1
        opcode = 0x0F00 | code[at]
        if opcode in (0x0F38, 0x0F3A):
            at += 1
            opcode = opcode << 8 | code[at]
    at += 1
    modrm = 0
    if _has_modrm(opcode):
        modrm = code[at]
        at += _modrm_bytes(code, at)
    return at + _immediate_bytes(opcode, modrm, is_short, is_wide) - start, opcode, modrm


def _has_modrm(opcode: int) -> bool:
    if opcode > 0xFFFF:
        return True
    if opcode > 0xFF:
        return opcode & 0xFF not in _PLAIN
    if opcode in _UNKNOWN:
        raise ValueError(opcode)
    return opcode in _MODRM


def _modrm_bytes(code: bytes, at: int) -> int:
    """The ModRM byte itself, the SIB byte and the displacement."""
    mode, register = code[at] >> 6, code[at] & 7
    if mode == 3:
        return 1
    has_sib = register == 4
    base = code[at + 1] & 7 if has_sib else register
    displacement = {1: 1, 2: 4}.get(mode, 4 if base == 5 else 0)
    return 1 + has_sib + displacement


def _immediate_bytes(opcode: int, modrm: int, is_short: bool, is_wide: bool) -> int:
    if opcode > 0xFFFF:
        return 1 if opcode >> 8 == 0x0F3A else 0
    if opcode > 0xFF:
        is_jump = 0x0F80 <= opcode <= 0x0F8F
        return 4 if is_jump else 1 if opcode & 0xFF in _BYTE_0F else 0
    if opcode in (0xF6, 0xF7):  # TEST has one, its neighbours in the group have none
        if modrm >> 3 & 7 > 1:
            return 0
        return 1 if opcode == 0xF6 else 2 if is_short and not is_wide else 4
    if opcode == 0xC2:
        return 2
    if opcode in _WORD:
        if is_wide and 0xB8 <= opcode <= 0xBF:
            return 8
        return 2 if is_short and not is_wide and opcode not in (0xE8, 0xE9) else 4
    return 1 if opcode in _BYTE else 0
