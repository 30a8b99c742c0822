"""Facts and Code in, the paths that the program's own code holds out: Go's own is left out. Pure.

Whatever a path is handed to (a function of the program's, a field, a template, an interface), it is
a constant that somebody holds. Read once, and only for a program that can open files at all.
"""

import re
from functools import cached_property

import msgspec

from whit.binary.calls import Code
from whit.binary.facts import Facts
from whit.binary.mentions import Mention
from whit.model.plan import Evidence
from whit.needs.contract import module_of
from whit.needs.rules import Rule

# One of these is linked into every program that opens, makes or looks up a file by name.
FILE_FUNCTIONS = (
    *("os.OpenFile", "os.Stat", "os.Lstat", "os.Mkdir", "os.open", "os.statNolog"),
    *("syscall.openat", "syscall.open", "syscall.Open", "syscall.Openat", "syscall.mkdirat"),
    *("syscall.Mkdir", "syscall.bind", "syscall.connect", "syscall.Stat", "syscall.fstatat"),
    *("golang.org/x/sys/unix.openat", "golang.org/x/sys/unix.Openat"),
)
ENVIRONMENT = ("os.Getenv", "os.LookupEnv", "syscall.Getenv")
BEGINNINGS = (
    *("/tmp", "/etc/", "/usr/", "/var/", "/run/", "/opt/", "/srv/", "/home/", "/root/", "/lib/"),
    *("/mnt/", "/media/", "/data", "/config", "/app/", "/www", "HOME", "$HOME", "${HOME"),
)
# A name of a file as people write them; a length that is not the string's own rarely gives one.
PATH = re.compile(r"/[A-Za-z0-9._+@/-]*[A-Za-z0-9._+@/-]")


class Holding(msgspec.Struct, frozen=True, order=True):
    """`function` ("" when it is not known) holds `text`; `is_own` says whether it is of the
    program's module and of none that it depends on.
    """

    text: str
    function: str
    is_own: bool

    def evidence(self) -> Evidence:
        return Evidence("constant", f'"{self.text}" in {self.function or "a variable"}')


class Held:
    """The constants of one program."""

    def __init__(self, facts: Facts, code: Code) -> None:
        self._facts, self._code = facts, code

    @property
    def is_readable(self) -> bool:
        return self._code.is_readable

    @cached_property
    def _mentions(self) -> tuple[tuple[Mention, bool], ...]:
        """(mention, whether it is the program's own), without those of the standard library."""
        names = (*FILE_FUNCTIONS, *ENVIRONMENT)
        if not self._code.is_readable or not any(map(self._facts.links, names)):
            return ()
        found = []
        for mention in self._code.mentions(*BEGINNINGS):
            module = module_of(mention.function, self._facts) if mention.function else "other"
            if module != "std":
                found.append((mention, not module))
        return tuple(found)

    def matching(self, form: str) -> tuple[Holding, ...]:
        """What is held in this form, once each; the program's own first."""
        pattern = re.compile(form)
        found: dict[str, Holding] = {}
        for mention, is_own in sorted(self._mentions, key=lambda one: not one[1]):
            # The longest: a shorter one is its beginning, or a length that stands nearby.
            text = next((v for v in reversed(mention.values) if pattern.fullmatch(v)), "")
            if text:
                found.setdefault(text, Holding(text, mention.function, is_own))
        return tuple(found.values())

    def of(self, rule: Rule) -> tuple[Holding, ...]:
        return self.matching(rule.held) if rule.held else ()

    def own_paths(self) -> tuple[Holding, ...]:
        return tuple(one for one in self.matching(PATH.pattern) if one.is_own)
