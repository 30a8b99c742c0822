"""The word after STOPSIGNAL in; nothing out, or an error that names a signal. Pure."""

import re

from whit.dockerfile.flags import did_you_mean
from whit.errors.dockerfile import BadInstruction

# Those of Linux that docker knows by name.
SIGNALS = (
    *("ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT"),
    *("KILL", "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM"),
    *("TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ"),
    *("RTMIN", *(f"RTMIN+{n}" for n in range(1, 16))),
    *("RTMAX", *(f"RTMAX-{n}" for n in range(1, 15))),
)


def check_signal(text: str) -> None:
    """Errors: BadInstruction."""
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        if int(text) != 0:
            return
    elif text.upper().removeprefix("SIG") in SIGNALS:
        return
    raise BadInstruction(
        f"there is no signal {text!r}",
        hint=did_you_mean(text, [f"SIG{name}" for name in SIGNALS]) or "as in STOPSIGNAL SIGTERM",
    )
