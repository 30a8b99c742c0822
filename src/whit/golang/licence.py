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
_GNU = re.compile(r"gnu (lesser |affero )?general public license version (\d(?:\.\d)?)")


def identify(text: str) -> str:
    """MIT, Apache-2.0, BSD-2-Clause, BSD-3-Clause, MPL-2.0, ISC, or a GNU licence; else ""."""
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
    return found.pop() if len(found) == 1 else ""


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
    # "Only" or "or later" is said in the source files, not in the licence: neither is claimed.
    return f"{family}-{number}"
