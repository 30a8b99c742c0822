"""Lines against a table on which docker's own parser agreed, and random files."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whit.dockerfile.lexer import MAX_FILE_BYTES, MAX_LINE_BYTES
from whit.dockerfile.parser import Node, parse
from whit.errors.dockerfile import BadDockerfile

TABLE = json.loads((Path(__file__).parents[2] / "cases/dockerfile/lines.json").read_text())
PIECES = st.lists(
    st.sampled_from(
        [
            *("RUN ", "COPY ", "ENV ", "ONBUILD ", "HEALTHCHECK ", "FROM a", "\n", "\\\n", "`"),
            *("# c\n", "# escape=`\n", "<<EOF", "EOF\n", "<<-", "\t", '"', "'", '["a"]', "["),
            *("a=b", " ", "--", "--x=y ", "$a", "é", "\r\n", "\\", "<<'E'", "\x00", "\x0b"),
        ]
    ),
    max_size=25,
).map("".join)


def shape(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {"word": node.word, "args": list(node.words)}
    found["lines"] = [node.span.line, node.span.end_line]
    if node.child:
        found["child"] = {key: v for key, v in shape(node.child).items() if key != "lines"}
    if node.flags:
        found["flags"] = list(node.flags)
    if node.is_json:
        found["json"] = True
    if node.heredocs:
        found["heredocs"] = [
            [h.name, h.content, h.expands, h.chomps, h.descriptor] for h in node.heredocs
        ]
    return found


def test_the_table_is_large():
    assert len(TABLE) >= 175


@pytest.mark.parametrize("case", TABLE, ids=lambda case: repr(case["text"]))
def test_lines_are_read_as_docker_does_it(case: dict[str, Any]):
    data = case["text"].encode()
    if case.get("error"):
        with pytest.raises(BadDockerfile):
            parse(data)
        return
    dockerfile = parse(data)
    assert [shape(node) for node in dockerfile.nodes] == case["nodes"]
    assert dockerfile.escape == case.get("escape", "\\")
    assert len(dockerfile.empty_continuations) == case.get("blank", 0)


@given(PIECES | st.text())
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused_with_a_place(text: str):
    try:
        dockerfile = parse(text.encode(errors="replace"))
    except BadDockerfile as error:
        spans = [(error.place.line, error.place.column)] if error.place else []
    else:
        spans = [(node.span.line, node.span.column) for node in dockerfile.nodes]
    assert all(line >= 1 and column >= 1 for line, column in spans)


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes):
    try:
        parse(data)
    except BadDockerfile:
        return


@given(st.lists(st.from_regex(r"[a-z0-9./]{1,8}", fullmatch=True), min_size=2, max_size=5))
def test_words_survive_any_breaking_of_the_line(words: list[str]):
    plain = parse(("COPY " + " ".join(words)).encode())
    broken = parse(("COPY " + " \\\n# c\n".join(words) + "\n").encode())
    assert plain.nodes[0].words == broken.nodes[0].words == tuple(words)


def test_comments_above_an_instruction_belong_to_it():
    node = parse(b"# one\n\n#two\n# three\nFROM a\n# x\nRUN b\n").nodes
    assert node[0].comments == ("one", "two", "three")
    assert node[1].comments == ("x",)


def test_directives_are_no_comments():
    dockerfile = parse(b"# syntax=docker/dockerfile:1\n# check=skip=all\n# hello\nFROM a\n")
    assert [(d.name, d.value, d.line) for d in dockerfile.directives] == [
        ("syntax", "docker/dockerfile:1", 1),
        ("check", "skip=all", 2),
    ]
    assert dockerfile.nodes[0].comments == ("hello",)


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ("FROM a\n  ENV x\n", 2, 3, "ENV x has no value"),
        ("FROM a\nRUN <<EOF\nx\n", 2, 1, "no end"),
        ("# escape=x\nFROM a\n", 1, 1, "escape character"),
        ("FROM a\nCMD [1]\n", 2, 1, "no string"),
    ],
)
def test_errors_point_at_the_line(text: str, line: int, column: int, word: str):
    with pytest.raises(BadDockerfile, match=word) as caught:
        parse(text.encode())
    place = caught.value.place
    assert place is not None
    assert (place.file, place.line, place.column) == ("Dockerfile", line, column)
    assert place.text == text.splitlines()[line - 1]


def test_a_line_that_is_no_utf_8_is_refused_where_it_is():
    with pytest.raises(BadDockerfile, match="UTF-8") as caught:
        parse(b"FROM a\nLABEL x=\xff\n")
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (2, 9)


def test_a_comment_may_hold_any_bytes():
    assert len(parse(b"# \xff\nFROM a\n").nodes) == 1


@pytest.mark.parametrize("length", [MAX_LINE_BYTES, MAX_LINE_BYTES + 1])
def test_lines_are_bounded_as_in_docker(length: int):
    data = b"RUN " + b"a" * (length - 4) + b"\n"
    if length <= MAX_LINE_BYTES:
        assert len(parse(data).nodes) == 1
    else:
        with pytest.raises(BadDockerfile, match="bytes"):
            parse(data)


def test_a_huge_file_is_refused():
    with pytest.raises(BadDockerfile, match="at most"):
        parse(b"\n" * (MAX_FILE_BYTES + 1))


def test_onbuild_in_onbuild_cannot_exhaust_the_stack():
    assert parse(b"ONBUILD " * 5000 + b"RUN a").nodes
