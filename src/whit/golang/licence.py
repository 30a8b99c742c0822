"""The text of a LICENSE file in, its SPDX identifier out, or nothing when that is not certain.

Recognised by sentences that only the one licence has; a text with the marks of two, or with an
addition that changes it, is left unnamed. A wrong licence is worse than none.
"""

import os
import re

MAX_LICENCE_BYTES = 256 << 10
NAMES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md", "COPYING")

_REDISTRIBUTION = "redistribution and use in source and binary forms, with or without modification"
_NO_ENDORSEMENT = "may be used to endorse or promote products derived from this software"
_MIT = (
    "permission is hereby granted, free of charge, to any person obtaining a copy of this software"
)
_ISC = "permission to use, copy, modify, and/or distribute this software for any purpose with or"
HEAD_BYTES = 2048
MAX_SOURCES = 20
MAX_LISTED = 1000
_SPDX = re.compile(r"SPDX-License-Identifier: ([A-Za-z0-9.-]+)")
_GNU = re.compile(r"gnu (lesser |affero )?general public license version (\d(?:\.\d)?)")


def identify(text: str) -> str:
    """MIT, Apache-2.0, BSD-2-Clause, BSD-3-Clause, MPL-2.0, ISC, or a GNU licence; else "".

    A GNU licence is named with -only: that it may be a later one, the sources have to say.
    """
    plain = " ".join(re.sub(r"[#*_>]", " ", text.lower()).split())
    found = {name for name, holds in _marks(plain).items() if holds}
    gnu = _GNU.search(plain[:400])
    if gnu:
        found.add(_gnu_name(gnu[1] or "", gnu[2]))
    return found.pop() if len(found) == 1 else ""


def licence_of(directory: str) -> str:
    """The identifier of the licence file in `directory`, "" when there is none or two differ."""
    found = set()
    for name in NAMES:
        path = os.path.join(directory, name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        with os.fdopen(descriptor, "rb") as file:
            try:
                text = file.read(MAX_LICENCE_BYTES + 1)
            except OSError:
                continue
        found.add(
            identify(text.decode("utf-8", "replace")) if len(text) <= MAX_LICENCE_BYTES else ""
        )
    if len(found) != 1:
        return ""
    name = found.pop()
    return _or_later(directory, name) if name.endswith("-only") else name


def _marks(plain: str) -> dict[str, bool]:
    bsd = _REDISTRIBUTION in plain
    return {
        "MIT": _MIT in plain and "the software is provided" in plain,
        "ISC": _ISC in plain,
        "Apache-2.0": "apache license version 2.0, january 2004" in plain[:400],
        "MPL-2.0": "mozilla public license version 2.0" in plain[:200]
        or "mozilla public license, version 2.0" in plain[:200],
        "BSD-3-Clause": bsd and _NO_ENDORSEMENT in plain and "advertising materials" not in plain,
        "BSD-2-Clause": bsd and "endorse" not in plain and "advertising materials" not in plain,
    }


def _gnu_name(kind: str, version: str) -> str:
    family = {"": "GPL", "lesser ": "LGPL", "affero ": "AGPL"}[kind]
    number = version if "." in version else f"{version}.0"
    return f"{family}-{number}-only"


def _or_later(directory: str, name: str) -> str:
    """The GNU licence of this -only name as the sources' headers have it."""
    for path in _sources(directory):
        head = _head_of(path)
        stated = _SPDX.search(head)
        if stated and stated[1].startswith(name.removesuffix("-only")):
            return stated[1] if stated[1].endswith(("-only", "-or-later")) else name
        plain = " ".join(re.sub(r"[#*/]", " ", head.lower()).split())
        if "gnu" in plain and "license" in plain and "any later version" in plain:
            return name.removesuffix("only") + "or-later"
    return name


def _sources(directory: str) -> list[str]:
    """Some Go files of the module's root and of the directories right below it."""
    found = []
    for place in (directory, *_directories(directory)):
        try:
            names = sorted(os.listdir(place))[:MAX_LISTED]
        except OSError:
            continue
        found += [os.path.join(place, name) for name in names if name.endswith(".go")]
        if len(found) >= MAX_SOURCES:
            break
    return found[:MAX_SOURCES]


def _directories(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            named = [e.path for e in entries if e.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(named)[:MAX_SOURCES]


def _head_of(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        try:
            return file.read(HEAD_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""
