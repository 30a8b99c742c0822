from pathlib import Path

import pytest

from whit.golang.annotations import annotations_of
from whit.golang.licence import identify, licence_of
from whit.golang.vcs import Vcs, plain_url


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://me:secret@example.com/a/b.git", "https://example.com/a/b"),
        ("https://example.com/a/b?token=x#y", "https://example.com/a/b"),
        ("git@example.com:a/b.git", "https://example.com/a/b"),
        ("ssh://git@example.com:2222/a/b.git", "https://example.com/a/b"),
        ("https://example.com:8443/a/b", "https://example.com:8443/a/b"),
        ("/srv/git/a.git", ""),
        ("file:///srv/a.git", ""),
        ("../a", ""),
        ("C:/a", ""),
        ("https://example.com", ""),
        ("", ""),
    ],
)
def test_remotes_lose_what_is_secret(remote: str, expected: str):
    assert plain_url(remote) == expected


def test_what_the_program_records_goes_before_git():
    settings = {"vcs.revision": "abc", "vcs.modified": "true", "vcs.time": "2026-01-01T00:00:00Z"}
    vcs = Vcs(revision="def", described="v1-3-gdef", remote="https://example.com/a", time="2020")
    found = dict(annotations_of("app", ("example.com/a", "(devel)"), settings, vcs, "MIT"))
    assert found == {
        "org.opencontainers.image.title": "app",
        "org.opencontainers.image.version": "v1-3-gdef",
        "org.opencontainers.image.revision": "abc-dirty",
        "org.opencontainers.image.source": "https://example.com/a",
        "org.opencontainers.image.licenses": "MIT",
        "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
    }


def test_what_is_unknown_is_left_out():
    assert annotations_of("app", ("example.com/a", ""), {}, Vcs()) == (
        ("org.opencontainers.image.title", "app"),
    )


MIT = """MIT License

Copyright (c) 2026 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software") ...
THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND"""
BSD = """Redistribution and use in source and binary forms, with or without
modification, are permitted provided that ..."""
ENDORSE = """
Neither the name of X nor Y may be used to endorse or promote products derived from
this software"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MIT, "MIT"),
        (BSD, "BSD-2-Clause"),
        (BSD + ENDORSE, "BSD-3-Clause"),
        ("Apache License\n  Version 2.0, January 2004", "Apache-2.0"),
        ("Mozilla Public License Version 2.0\n====", "MPL-2.0"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n  Version 2.1, February 1999", "LGPL-2.1-only"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007", "AGPL-3.0-only"),
        (MIT + "\n" + BSD, ""),
        ("All rights reserved.", ""),
        ("", ""),
    ],
)
def test_licences_are_named_when_certain(text: str, expected: str):
    assert identify(text) == expected


GPL = "GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("package main", "GPL-3.0-only"),
        ("// SPDX-License-Identifier: GPL-3.0-or-later\npackage main", "GPL-3.0-or-later"),
        ("// SPDX-License-Identifier: GPL-3.0-only\npackage main", "GPL-3.0-only"),
        ("// SPDX-License-Identifier: MIT\npackage main", "GPL-3.0-only"),
        (
            """// This is under the GNU General Public License, either version 3 of the
// License, or (at your option) any later version.
package main""",
            "GPL-3.0-or-later",
        ),
    ],
)
def test_whether_a_later_gnu_licence_will_do_is_said_by_the_sources(
    tmp_path: Path, head: str, expected: str
):
    (tmp_path / "LICENSE").write_text(GPL)
    (tmp_path / "cmd").mkdir()
    (tmp_path / "cmd/main.go").write_text(head)
    assert licence_of(str(tmp_path)) == expected
