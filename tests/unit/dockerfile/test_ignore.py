"""Patterns against a table on which moby's matcher agreed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whit.dockerfile.ignore import patterns, read_ignore
from whit.dockerfile.patterns import compile_patterns
from whit.errors.dockerfile import BadPattern

TABLE = json.loads((Path(__file__).parents[2] / "cases/dockerfile/patterns.json").read_text())


def test_the_tables_are_large():
    assert len(TABLE["matches"]) >= 140
    assert len(TABLE["files"]) >= 15


@pytest.mark.parametrize("case", TABLE["matches"], ids=str)
def test_patterns_match_as_mobys_do(case: dict[str, Any]):
    if case["matches"] is None:
        with pytest.raises(BadPattern):
            compile_patterns(case["patterns"])
    else:
        assert compile_patterns(case["patterns"]).matches(case["path"]) is case["matches"]


@pytest.mark.parametrize("case", TABLE["files"], ids=lambda case: repr(case["text"]))
def test_files_are_read_as_mobys_are(case: dict[str, Any]):
    assert list(read_ignore(case["text"].encode())) == case["patterns"]


def test_a_lonely_exclamation_mark_is_refused():
    with pytest.raises(BadPattern) as caught:
        read_ignore(b"a\n ! \n")
    assert caught.value.place is not None
    assert caught.value.place.line == 2


def test_whether_patterns_take_back_is_told():
    hides, reopens = patterns(("*", "!a/b"))
    assert reopens
    assert hides("a/c")
    assert not hides("a/b")
    assert not patterns(("*",))[1]


@given(st.lists(st.text(st.sampled_from("ab*?[]^-\\/!. +()"), max_size=10), max_size=4), st.text())
@settings(max_examples=300, deadline=None)
def test_any_patterns_match_or_are_refused(texts: list[str], path: str):
    try:
        compile_patterns(texts).matches(path)
    except BadPattern:
        return


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(data: bytes):
    try:
        patterns(read_ignore(data))
    except BadPattern:
        return


@given(st.from_regex(r"[a-z]{1,4}(/[a-z]{1,4}){0,3}", fullmatch=True))
def test_what_is_below_a_hidden_directory_is_hidden(path: str):
    top = path.split("/", maxsplit=1)[0]
    assert compile_patterns([top]).matches(path)
    assert compile_patterns([f"{top}/**", f"**/{path}"]).matches(path)
    assert not compile_patterns([top, f"!{path}"]).matches(path)
