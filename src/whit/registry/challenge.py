"""A WWW-Authenticate header in, challenges out (RFC 9110, section 11.6.1). Pure."""

import re

import msgspec

_MAX_HEADER = 8192
# A scheme, or a parameter with a token or a quoted string for its value.
_PART = re.compile(
    r"""\s*,?\s*(?:
        (?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*
        (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s,"]+))
        |(?P<scheme>[A-Za-z0-9!#$%&'*+.^_`|~-]+)(?=\s|,|$)
    )""",
    re.VERBOSE,
)


class Challenge(msgspec.Struct, frozen=True):
    """`scheme` in lower case; parameter names too."""

    scheme: str
    parameters: dict[str, str]


def read_challenges(header: str) -> tuple[Challenge, ...]:
    """All challenges of a header, in order; what cannot be read ends the list."""
    found: list[Challenge] = []
    place = 0
    text = header[:_MAX_HEADER]
    while match := _PART.match(text, place):
        place = match.end()
        if match["scheme"]:
            found.append(Challenge(match["scheme"].lower(), {}))
        elif found:
            value = match["token"]
            if value is None:
                value = re.sub(r"\\(.)", r"\1", match["quoted"])
            found[-1].parameters.setdefault(match["name"].lower(), value)
    return tuple(found)
