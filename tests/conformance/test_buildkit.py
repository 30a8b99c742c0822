r"""BuildKit's own test data, read by our parser, lexer and matcher: one case a file or row.

The data is fetched as Go modules and never copied. Its counts stand here, so that no case is lost:

    parser/testfiles/NAME/Dockerfile, result    the tree as BuildKit prints it
    parser/testfiles-negative/NAME/Dockerfile   must be refused
    parser/testfile-line/Dockerfile             where instructions begin and end
    shell/envVarTest                            platform | word | result or "error"
    shell/wordsTest                             text | words; a line `ENV a=b` sets
    patternmatcher_test.go                      tables of Go
"""

import json
import posixpath
import re
from functools import cache
from pathlib import Path

import pytest

from go_modules import module_directory
from whit.dockerfile.expand import expand, expand_words
from whit.dockerfile.gotext import quoted, quoted_list
from whit.dockerfile.parser import Node, parse
from whit.dockerfile.patterns import compile_patterns
from whit.errors.dockerfile import BadDockerfile, BadExpansion, BadPattern

pytestmark = [pytest.mark.go, pytest.mark.network]

BUILDKIT = "github.com/moby/buildkit@v0.34.2"
MATCHER = "github.com/moby/patternmatcher@v0.6.1"
READ = (
    *("ADD-COPY-with-JSON", "args", "brimstone-consuldock", "brimstone-docker-consul"),
    *("continue-at-eof", "continueIndent", "cpuguy83-nagios", "docker", "env", "escape"),
    *("escape-after-comment", "escape-nonewline", "escape-with-syntax", "escapes", "flags"),
    *("health", "influxdb", "jeztah-invalid-json-json-inside-string"),
    *("jeztah-invalid-json-json-inside-string-double", "jeztah-invalid-json-single-quotes"),
    *("jeztah-invalid-json-unterminated-bracket", "jeztah-invalid-json-unterminated-string"),
    *("json", "kartar-entrypoint-oddities", "lk4d4-the-edge-case-generator", "mail"),
    *("multiple-volumes", "mumble", "nginx", "tf2", "trailing-backslash", "weechat", "znc"),
)
REFUSED = ("empty_dockerfile", "env_no_value", "only_comments", "shykes-nested-json")
WORDS, LISTS = 228, 24
MATCHES, EXCEPTIONS, GLOBS, REGEXES = 68, 4, 54, 21


def dockerfiles() -> Path:
    return module_directory(BUILDKIT) / "frontend/dockerfile"


# ---- the parser's files ----------------------------------------------------------------------


def test_every_file_of_the_parser_is_a_case():
    parser = dockerfiles() / "parser"
    assert sorted(path.name for path in (parser / "testfiles").iterdir()) == sorted(READ)
    assert sorted(path.name for path in (parser / "testfiles-negative").iterdir()) == list(REFUSED)
    assert len(READ) == 33


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_as_buildkit_reads_it(name: str):
    place = dockerfiles() / "parser/testfiles" / name
    nodes = parse((place / "Dockerfile").read_bytes()).nodes
    assert [dump(node) for node in nodes] == (place / "result").read_text().splitlines()


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_as_buildkit_refuses_it(name: str):
    with pytest.raises(BadDockerfile):
        parse((dockerfiles() / "parser/testfiles-negative" / name / "Dockerfile").read_bytes())


def test_instructions_stand_on_the_lines_that_buildkit_says():
    nodes = parse((dockerfiles() / "parser/testfile-line/Dockerfile").read_bytes()).nodes
    assert [(node.span.line, node.span.end_line) for node in nodes] == [(5, 5), (11, 12), (17, 31)]


def dump(node: Node) -> str:
    """As Node.Dump of BuildKit's parser.go prints an instruction."""
    flags = [quoted_list(node.flags)] if node.flags else []
    rest = [dump(node.child)] if node.child else map(quoted, node.words)
    return f"({' '.join([node.word.lower(), *flags, *rest])})"


# ---- the tables of words ---------------------------------------------------------------------


@cache
def words() -> list[tuple[str, str]]:
    """Word and result of every row that means Unix."""
    rows = (dockerfiles() / "shell/envVarTest").read_text().splitlines()
    split = [[part.strip() for part in row.split("|")] for row in rows if row[:2] in ("A|", "U|")]
    return [(word, result) for _, word, result in split]


@cache
def lists() -> list[tuple[str, list[str], dict[str, str]]]:
    found = []
    env: dict[str, str] = {}
    for row in (dockerfiles() / "shell/wordsTest").read_text().split("\n"):
        if row.startswith("ENV "):
            key, _, value = row[3:].lstrip(" ").partition("=")
            env = {**env, key: value}
        elif "|" in row and not row.startswith("#"):
            text, result = row.split("|")
            found.append((text.strip(), result.lstrip(" ").split(","), env))
    return found


def test_every_row_of_words_is_a_case():
    assert (len(words()), len(lists())) == (WORDS, LISTS)


@pytest.mark.parametrize("number", range(WORDS))
def test_a_word_becomes_what_buildkit_makes_of_it(number: int):
    word, result = words()[number]
    env = {"PWD": "/home", "SHELL": "bash", "KOREAN": "한국어", "NULL": ""}
    try:
        assert expand(word, env).text == result
    except BadExpansion:
        assert result == "error", word


@pytest.mark.parametrize("number", range(LISTS))
def test_a_text_is_split_as_buildkit_splits_it(number: int):
    text, result, env = lists()[number]
    try:
        assert list(expand_words(text, env)) == result
    except BadExpansion:
        assert result == ["error"], text


# ---- the tables of patterns ------------------------------------------------------------------

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|\b(?:true|false|nil|\w+Match|filepath\.\w+)\b')
_TEXTS = ("", "a", "dir", "file", "fileA", "a/b", "ab/c", "dir/file", "dir/dir2/x", "dir2/x", "abc")


@cache
def table(begin: str, end: str) -> list[list[str]]:
    """The rows of a table of patternmatcher_test.go, its texts without quotes."""
    source = (module_directory(MATCHER) / "patternmatcher_test.go").read_text()
    body = source[source.index(begin) + len(begin) :]
    rows = body[: body.index(end)].splitlines()
    tokens = [_TOKEN.findall(row.split(" // ")[0]) for row in rows if row.strip().startswith("{")]
    return [[_text(token) for token in row] for row in tokens]


def _text(token: str) -> str:
    if token.startswith("`"):
        return token[1:-1]
    text: str = json.loads(token) if token.startswith('"') else token
    return text


def matches() -> list[list[str]]:
    return [
        *table("tests := []matchesTestCase{", "\n\t}\n"),
        *table("append(tests, []matchesTestCase{", "\n\t\t}...)"),
    ]


def exceptions() -> list[list[str]]:
    return table("multiPatternTests := []multiPatternTestCase{", "\n\t}\n")


def globs() -> list[list[str]]:
    return table("var matchTests = []matchTest{", "\n}\n")


def regexes() -> list[list[str]]:
    return table("var compileTests = []compileTestCase{", "\n}\n")


def test_every_row_of_patterns_is_a_case():
    found = [len(rows()) for rows in (matches, exceptions, globs, regexes)]
    assert found == [MATCHES, EXCEPTIONS, GLOBS, REGEXES]


@pytest.mark.parametrize("number", range(MATCHES))
def test_a_pattern_matches_what_mobys_matches(number: int):
    pattern, path, result = matches()[number]
    assert compile_patterns([pattern]).matches(path) is (result == "true"), (pattern, path)


@pytest.mark.parametrize("number", range(EXCEPTIONS))
def test_patterns_take_back_what_mobys_take_back(number: int):
    *patterns, path, result = exceptions()[number]
    assert compile_patterns(patterns).matches(path) is (result == "true"), (patterns, path)


@pytest.mark.parametrize("number", range(GLOBS))
def test_a_glob_matches_what_mobys_matches(number: int):
    pattern, path, result, error = globs()[number]
    if error != "nil":
        with pytest.raises(BadPattern):
            compile_patterns([pattern])
    else:
        assert compile_patterns([pattern]).matches(path) is (result == "true"), (pattern, path)


@pytest.mark.parametrize("number", range(REGEXES))
def test_a_pattern_means_the_regular_expression_that_moby_makes(number: int):
    pattern, way, regex, _ = regexes()[number]
    compiled = compile_patterns([pattern])
    assert compiled.patterns[0].way.value == way.removesuffix("Match").replace("regexp", "regex")
    for path in [*_TEXTS, *(row[1] for row in matches())] if regex else []:
        bare = posixpath.normpath(path)
        above = ["/".join(bare.split("/")[:n]) for n in range(1, bare.count("/") + 2)]
        assert compiled.matches(path) is any(re.search(regex, text) for text in above), path
