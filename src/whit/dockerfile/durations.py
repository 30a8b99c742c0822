"""Go's durations (`1h30m`, `1.5s`) in, nanoseconds out; and back, as Go prints them. Pure."""

import re

from whit.errors.dockerfile import BadInstruction

UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)")
_WHOLE = re.compile(rf"([+-]?)((?:{_PART.pattern})+)")
_MAX = (1 << 63) - 1
MINIMUM = UNITS["ms"]


def read_duration(flag: str, text: str) -> int:
    """The value of a HEALTHCHECK flag: 0 (also for ""), or at least a millisecond."""
    if text in ("", "0", "+0", "-0"):
        return 0
    match = _WHOLE.fullmatch(text)
    parts = _PART.findall(match[2]) if match and len(text) < 100 else []
    if match is None or not parts or not all(whole or part for whole, part, _ in parts):
        raise BadInstruction(
            f"--{flag} is a time, and not {text!r}", hint="write it as 30s, 1m30s or 500ms"
        )
    total = sum(_nanoseconds(*part) for part in parts)
    if total > _MAX:
        raise BadInstruction(f"--{flag}={text} is longer than 292 years")
    if total and (match[1] == "-" or total < MINIMUM):
        raise BadInstruction(f"--{flag}={text} is shorter than a millisecond")
    return total


def _nanoseconds(whole: str, part: str, unit: str) -> int:
    scale = UNITS[unit]
    fraction = int(part or "0") * scale // int("1" + "0" * len(part))
    return int(whole or "0") * scale + fraction


def duration_text(nanoseconds: int) -> str:
    """As Go's Duration prints itself: 1m30s, 1.5s, 0s."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < UNITS["s"]:
        unit = next(unit for unit in ("ms", "µs", "ns") if nanoseconds >= UNITS[unit])
        return _decimal(nanoseconds, UNITS[unit]) + unit
    minutes, rest = divmod(nanoseconds, UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{text}{_decimal(rest, UNITS['s'])}s"


def _decimal(value: int, scale: int) -> str:
    whole, part = divmod(value, scale)
    digits = f"{part:0{len(str(scale)) - 1}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
