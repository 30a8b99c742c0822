"""A root's list of gconv modules and a program's bytes in, the modules it names out. Pure.

gconv-modules, gconv-modules.d/*.conf (glibc iconv/gconv_conf.c)
  alias   NAME//  CHARSET//
  module  FROM//  TO//  FILE  COST       INTERNAL is libc's own form
gconv-modules.cache: the same, compiled; glibc reads nothing else where it is there
"""

import re
from collections.abc import Iterable, Sequence

from whit.model.files import Files

# A whole string that may be the name of a character set.
NAME = re.compile(rb"\0([A-Za-z][A-Za-z0-9_.:+()-]{2,30})(?=\0)")
# libc converts these by itself (iconv/gconv_builtin.h).
BUILT_IN = ("INTERNAL", "UTF-8", "UTF8", "ASCII", "US-ASCII", "UCS-4", "UCS-2", "WCHAR_T")
MAX_LIST_BYTES = 4 << 20
MAX_MODULES = 512


def modules_of(
    files: Files, directories: Iterable[str], programs: Sequence[bytes], *, takes_all: bool
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """([(character set, path of its module)], paths of the lists); nothing without a list."""
    place = next((f"{d}/gconv" for d in directories if files.find(f"{d}/gconv/gconv-modules")), "")
    if not place:
        return [], ()
    lists = [f"{place}/gconv-modules"]
    more = f"{place}/gconv-modules.d"
    lists += [f"{more}/{name}" for name in files.names(more) if name.endswith(".conf")]
    charsets = _charsets(files, lists)
    cache = f"{place}/gconv-modules.cache"
    index = (cache,) if files.find(cache) else tuple(lists)
    if takes_all:
        chosen = [("", name) for name in sorted(set(charsets.values()))]
    else:
        named = {name.decode().upper() for data in programs for name in NAME.findall(data)}
        chosen = sorted((name, charsets[name]) for name in named & charsets.keys())
    first: dict[str, str] = {}
    for charset, name in chosen:
        path = f"{place}/{name}.so"
        if files.find(path):
            first.setdefault(path, charset)
    return [(charset, path) for path, charset in first.items()][:MAX_MODULES], index


def _charsets(files: Files, lists: Iterable[str]) -> dict[str, str]:
    """Character set or alias, upper case -> module."""
    modules: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for path in lists:
        found = files.find(path)
        text = bytes(files.read(found)[:MAX_LIST_BYTES]) if found else b""
        for line in text.decode("latin-1").splitlines():
            words = line.partition("#")[0].split()
            if len(words) >= 3 and words[0] == "alias":
                aliases[_bare(words[1])] = _bare(words[2])
            elif len(words) >= 4 and words[0] == "module":
                for name in (_bare(words[1]), _bare(words[2])):
                    if name not in BUILT_IN:
                        modules.setdefault(name, words[3])
    return modules | {a: modules[n] for a, n in aliases.items() if n in modules}


def _bare(word: str) -> str:
    return word.rstrip("/").upper()
