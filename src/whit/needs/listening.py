"""Facts and Code in, the ports that a program listens on out. Pure.

Ports are told to the user and to the engine; nothing in the image depends on them. What is found is
"at least these": an address that is put together when the program runs cannot be read. What is
told is certain, or the default of a flag or variable that the program listens on.

    handed over   net.Listen("tcp", ":8080"), and any function that gets there in a few calls:
                  serve(":8080"), engine.Run(":8080")
    kept          &http.Server{Addr: ":8080"} in a function that gets there in a few calls
    variables     var server = http.Server{Addr: ":8080"}
    flags         flag.String("listen", ":8080", …)
"""

import re
from collections.abc import Iterator, Mapping

from whit.binary.calls import Code
from whit.binary.facts import Facts
from whit.needs.rules import Argument

LOOPBACK = ("localhost", "::1")
# Exact: this word of this call is the address.
LISTENERS = (
    Argument("net.Listen", 2),
    Argument("net/http.ListenAndServe", 0),
    Argument("net/http.ListenAndServeTLS", 0),
    Argument("net.(*ListenConfig).Listen", 5),
    Argument("crypto/tls.Listen", 2),
)
DATAGRAMS = (Argument("net.ListenPacket", 2),)
# The server's first field is its address.
SERVERS = (
    "net/http.(*Server).ListenAndServe",
    "net/http.(*Server).ListenAndServeTLS",
)
# The default of a string flag: flag and github.com/spf13/pflag, methods and package functions.
FLAGS: Mapping[str, int] = {
    "flag.(*FlagSet).String": 3,
    "flag.(*FlagSet).StringVar": 4,
    "flag.String": 2,
    "flag.StringVar": 3,
    "github.com/spf13/pflag.(*FlagSet).String": 3,
    "github.com/spf13/pflag.(*FlagSet).StringP": 5,
    "github.com/spf13/pflag.(*FlagSet).StringVar": 4,
    "github.com/spf13/pflag.(*FlagSet).StringVarP": 6,
    "github.com/spf13/pflag.String": 2,
    "github.com/spf13/pflag.StringP": 4,
}
# A listener's own functions: who calls these, so many calls away, may choose the address.
LEVELS = 4
MAX_FUNCTIONS = 2000
# What listens on all addresses. `db:5432` is more likely dialled; `:443` is never a host.
ANYWHERE = re.compile(r"(?:0\.0\.0\.0|\[::\])?:([1-9][0-9]{0,4})")
# Calls in between that only make room.
ALLOCATES = (
    "runtime.newobject",
    "runtime.makeslice",
    "runtime.gcWriteBarrier",
    "runtime.growslice",
)


def ports_of(facts: Facts, code: Code) -> tuple[str, ...]:
    """Ports that the program listens on, as far as its bytes say: `8080/tcp`. At least these."""
    if not facts.functions or not code.is_readable:
        return ()
    tcp = {*_exact(LISTENERS, facts, code), *_found(facts, code)}
    udp = set(_exact(DATAGRAMS, facts, code))
    ports = {f"{port}/tcp" for port in tcp} | {f"{port}/udp" for port in udp}
    return tuple(sorted(ports - {"0/tcp", "0/udp"}))


def _exact(arguments: tuple[Argument, ...], facts: Facts, code: Code) -> Iterator[int]:
    asked = {a.function: a.word for a in arguments if facts.links(a.function)}
    for constants in code.constants(asked).values() if asked else ():
        for constant in constants:
            yield port_of(constant.value or "")


def _found(facts: Facts, code: Code) -> Iterator[int]:
    """By the form of the address, where it cannot mean anything else."""
    names = [name for name in (*SERVERS, *(a.function for a in LISTENERS)) if facts.links(name)]
    near = code.reaching(names, LEVELS)
    if not near:
        return
    for held in code.held(list(near)[:MAX_FUNCTIONS]):
        is_elsewhere = held.following and held.following not in near
        if held.is_argument and is_elsewhere and not held.following.startswith(ALLOCATES):
            continue
        yield max((_anywhere(value) for value in held.values), default=0)
    for value in code.pointed_strings(SERVERS):
        yield port_of(value)
    flags = {name: word for name, word in FLAGS.items() if facts.links(name)}
    for constants in code.constants(flags).values() if flags else ():
        for constant in constants:
            yield _anywhere(constant.value or "")


def _anywhere(address: str) -> int:
    match = ANYWHERE.fullmatch(address)
    return int(match[1]) if match and int(match[1]) < 65536 else 0


def port_of(address: str) -> int:
    """8080 of `:8080`; 0 when there is none, or when nobody outside can reach it."""
    host, colon, port = address.rpartition(":")
    if not colon or host.strip("[]") in LOOPBACK or host.startswith("127."):
        return 0
    is_number = port.isascii() and port.isdigit() and len(port) <= len("65535")
    return int(port) if is_number and int(port) < 65536 else 0
