"""Programs, scripts and directories to take along, and what each brings."""

import pytest

from elf_samples import AMD64_LOADER, elf_file
from whit.model.files import TreeFiles
from whit.model.plan import Evidence, Need, Standing, What
from whit.model.tree import Bytes, Content, File, Link, Node, Tree
from whit.needs.declared import Declared
from whit.needs.merging import combined
from whit.needs.taking import modules_under, readers_of, take_programs

DYNAMIC = elf_file(["libc.so.6"], interpreter=AMD64_LOADER)


def read(content: Content) -> bytes:
    assert isinstance(content, Bytes)
    return content.data


def root(files: dict[str, bytes | str]) -> TreeFiles:
    nodes: dict[str, Node] = {
        path: Link(what) if isinstance(what, str) else File(Bytes(what), 0o755)
        for path, what in files.items()
    }
    return TreeFiles(Tree.of(nodes), read)


def test_a_script_brings_what_reads_it_and_so_on():
    files = root(
        {
            "/usr/bin/tool": b"#!/usr/bin/env -S python3 -u\n",
            "/usr/bin/env": DYNAMIC,
            "/usr/bin/python3": "python3.11",
            "/usr/bin/python3.11": DYNAMIC,
        }
    )
    taken = take_programs((("program", "tool"),), files, {})
    (need,) = taken.needs
    assert [what.names[0] for what in need.what] == [
        *("/usr/bin/tool", "/usr/bin/env", "/usr/bin/python3"),
    ]
    assert need.what[2].why == "/usr/bin/tool is a script for it"
    assert [start.path for _, start in taken.starts] == ["/usr/bin/env", "/usr/bin/python3"]


def test_scripts_that_read_each_other_end():
    files = root({"/usr/bin/a": b"#!/usr/bin/b\n", "/usr/bin/b": b"#!/usr/bin/a\n"})
    taken = take_programs((("program", "/usr/bin/a"),), files, {})
    assert len(taken.needs[0].what) == 2


def test_a_program_that_is_not_there_stays_to_be_told():
    taken = take_programs((("program", "gone"),), root({}), {})
    assert taken.needs[0].what[0].names == ("gone",)
    assert taken.starts == ()


def test_path_of_the_image_decides_where_names_are_looked_for():
    files = root({"/opt/bin/tool": DYNAMIC, "/usr/bin/tool": DYNAMIC})
    taken = take_programs((("program", "tool"),), files, {"PATH": "/opt/bin:/usr/bin"})
    assert taken.needs[0].what[0].names == ("/opt/bin/tool",)


@pytest.mark.parametrize(
    ("head", "readers"),
    [
        (b"#!/bin/sh\n", ("/bin/sh",)),
        (b"#! /usr/bin/perl -w\n", ("/usr/bin/perl",)),
        (b"#!/usr/bin/env python3\n", ("/usr/bin/env", "python3")),
        (b"#!/usr/bin/env -S A=1 python3 -u\n", ("/usr/bin/env", "python3")),
        (b"#!/usr/bin/env\n", ("/usr/bin/env",)),
        (b"#!\n", ()),
    ],
)
def test_the_first_line_of_a_script(head: bytes, readers: tuple[str, ...]):
    assert readers_of(head) == readers


def test_modules_are_the_shared_objects_below():
    files = root(
        {
            "/usr/lib/py/a.py": b"",
            "/usr/lib/py/dyn/_x.so": DYNAMIC,
            "/usr/lib/py/dyn/libz.so.1": "_x.so",
            "/usr/lib/py/loop": "/usr/lib/py",
        }
    )
    found = modules_under("/usr/lib/py", files)
    assert found[:2] == ("/usr/lib/py/dyn/_x.so", "/usr/lib/py/dyn/libz.so.1")


def test_what_is_said_with_need():
    declared = Declared(
        add=("program:git", "library:libx.so.1", "tree:/usr/share/a", "directory:/data", "N010")
    )
    assert declared.taken() == (
        *(("program", "git"), ("library", "libx.so.1"), ("tree", "/usr/share/a")),
    )
    assert [(what.kind, what.names) for what in declared.extra()] == [
        *(("tree", ("/usr/share/a",)), ("directory", ("/data",))),
    ]


def test_needs_of_two_programs_are_put_together():
    def need(standing: Standing, name: str) -> Need:
        what = (What("library", (name,), f"for {name}"), What("library", ("both",), name))
        return Need("N070", "libraries", standing, what, (Evidence("library", name),))

    one, two = need(Standing.OPTIONAL, "one"), need(Standing.REQUIRED, "two")
    (found,) = combined([[one], [two]])
    assert found.standing is Standing.REQUIRED
    assert [what.names[0] for what in found.what] == ["two", "both", "one"]
    assert [e.where for e in found.evidence] == ["two", "one"]
