"""Expansion against a table on which docker's own word lexer agreed, and against itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whit.dockerfile.expand import MAX_DEPTH, Mode, expand, expand_words
from whit.errors.dockerfile import BadExpansion

TABLE = json.loads((Path(__file__).parents[2] / "cases/dockerfile/words.json").read_text())
ENV = TABLE["environment"]
# What expansion gives a meaning to, so that random words hit it.
SIGNS = st.text(st.sampled_from("$${}:-+?#%/*\\'\"` aNAME_1<é\n"), max_size=30)


def test_the_table_is_large():
    assert len(TABLE["cases"]) >= 280


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: repr(case["text"]))
def test_words_expand_as_docker_does_it(case: dict[str, Any]):
    mode = Mode(escape=case.get("escape", "\\"), is_body=case.get("is_body", False))
    if case.get("words", case.get("result")) is None:
        with pytest.raises(BadExpansion):
            expand(case["text"], ENV, mode)
    elif "words" in case:
        assert list(expand_words(case["text"], ENV, mode)) == case["words"]
    else:
        assert expand(case["text"], ENV, mode).text == case["result"]


def test_names_that_were_there_and_names_that_were_not_are_told_apart():
    found = expand("$NAME ${NONE:-$OTHER} '$QUOTED' \\$ESCAPED", ENV)
    assert found.used == {"NAME"}
    assert found.missing == {"NONE", "OTHER"}


def test_the_message_of_a_demanded_variable_is_shown():
    with pytest.raises(BadExpansion, match="VERSION: say --build-arg VERSION=1"):
        expand("${VERSION:?say --build-arg VERSION=1}", {})


def test_an_unknown_modifier_says_which_are_known():
    with pytest.raises(BadExpansion) as caught:
        expand("${NAME^^}", ENV)
    assert caught.value.hint is not None
    assert ":-" in caught.value.hint


@given(SIGNS, SIGNS)
@settings(max_examples=400, deadline=None)
def test_any_word_expands_or_is_refused(text: str, value: str):
    for mode in (Mode(), Mode(escape="`"), Mode(is_body=True)):
        try:
            expand(text, {"NAME": value, "A": ""}, mode)
        except BadExpansion:
            continue


@given(st.text(st.characters(exclude_characters="$'\"\\<", exclude_categories=["Cs"])))
def test_a_word_without_signs_stays_as_it_is(text: str):
    assert expand(text, {}).text == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_is_never_read_again(value: str):
    assert expand('$V"$V"${V}', {"V": value}).text == value * 3


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_single_quotes_keep_everything(text: str):
    inner = text.replace("'", "")
    assert expand(f"'{inner}'", {}).text == inner


def test_deep_nesting_is_refused_and_not_a_crash():
    deep = "${A:-" * (MAX_DEPTH + 5) + "}" * (MAX_DEPTH + 5)
    with pytest.raises(BadExpansion, match="deep"):
        expand(deep, {})


def test_a_hostile_pattern_takes_no_hostile_time():
    value = "a" * 60_000
    assert expand("${V#" + "*a" * 40 + "b}", {"V": value}).text == value


def test_a_replacement_cannot_fill_the_memory():
    env = {"V": "a" * 60_000, "W": "b" * 60_000}
    with pytest.raises(BadExpansion, match="longer"):
        expand("${V//?/$W}", env)
