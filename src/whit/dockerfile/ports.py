"""Words of EXPOSE in, `port/protocol` out. Pure."""

import re

import msgspec

from whit.errors.dockerfile import BadInstruction

PROTOCOLS = ("tcp", "udp", "sctp")
_PORT = re.compile(r"[+-]?[0-9]{1,6}")


class Port(msgspec.Struct, frozen=True):
    """One word: what it exposes, and what lint has to say about it."""

    exposed: tuple[str, ...]
    has_host: bool = False  # ip:host:port, of which only the port counts
    is_upper: bool = False


def read_port(word: str) -> Port:
    """`80`, `80-90/udp`, `127.0.0.1:8080:80`. Errors: BadInstruction, without a place."""
    *before, last = word.split(":")
    host = before[-1] if before else ""
    address = ":".join(before[:-1])
    ports, _, protocol = last.partition("/")
    protocol = protocol or "tcp"
    if protocol.lower() not in PROTOCOLS:
        raise BadInstruction(
            f"EXPOSE {word} has the unknown protocol {protocol!r}",
            hint="tcp, udp or sctp may follow the port, as in 53/udp",
        )
    if address and not _is_address(address):
        raise BadInstruction(f"EXPOSE {word} has {address!r}, which is no IP address")
    first, end = _range(word, ports)
    if host:
        host_first, host_end = _range(word, host)
        if host_end - host_first != end - first and end != first:
            raise BadInstruction(f"EXPOSE {word} maps a range to one of another length")
    exposed = tuple(f"{port}/{protocol.lower()}" for port in range(first, end + 1))
    return Port(exposed, bool(address or host), protocol != protocol.lower())


def _range(word: str, text: str) -> tuple[int, int]:
    start, dash, end = text.partition("-")
    first = _port(word, start)
    last = _port(word, end) if dash and end != start else first
    if last < first:
        raise BadInstruction(f"EXPOSE {word} has a range that ends before it begins")
    return first, last


def _port(word: str, text: str) -> int:
    if not _PORT.fullmatch(text) or not 0 <= int(text) <= 65535:
        raise BadInstruction(
            f"EXPOSE {word} has {text!r} for a port",
            hint="a port is a number from 0 to 65535, or two with a dash between them",
        )
    return int(text)


def _is_address(text: str) -> bool:
    import ipaddress  # noqa: PLC0415 - hardly anyone writes one

    try:
        ipaddress.ip_address(text[1:-1] if text[0] == "[" and text[-1] == "]" else text)
    except ValueError:
        return False
    return "%" not in text
