"""Docker's rules against a table on which docker's own check agreed; the rules for Go images."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dockerfile_case import AMD, plan, walk
from whit.dockerfile.findings import Settings, read_settings
from whit.dockerfile.lint import Linted, lint, mended
from whit.dockerfile.lintsteps import Surroundings
from whit.dockerfile.parser import parse
from whit.dockerfile.patterns import compile_patterns
from whit.dockerfile.rules import RULES, closest
from whit.dockerfile.stages import PlanOptions
from whit.errors import WhitError
from whit.oci.documents import Config
from whit.report.lint import lint_document, lint_lines, sarif_document

TABLE = json.loads((Path(__file__).parents[2] / "cases/dockerfile/lint.json").read_text())
BASE = msgspec.convert(TABLE["base"], Config)
GO = "FROM golang:1.26@sha256:" + "0" * 64 + " AS build\n"
SCRATCH = "FROM scratch\n"


def found(text: str, ignored: tuple[str, ...] | None = None, **around: Any) -> Linted:
    patterns = None if ignored is None else compile_patterns(ignored)
    return lint(
        parse(text.encode()), PlanOptions(AMD, AMD), Surroundings(ignored=patterns, **around)
    )


def own(text: str, ignored: tuple[str, ...] | None = (".git",)) -> list[tuple[str, int]]:
    """The findings of whit's own rules."""
    findings = found(text, ignored).findings
    return [(f.rule.name, f.span.line) for f in findings if not f.rule.is_dockers]


def test_there_are_dockers_rules_and_some_more():
    assert sum(rule.is_dockers for rule in RULES) == 22
    assert sum(not rule.is_dockers for rule in RULES) >= 10
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_the_table_is_large():
    assert len(TABLE["cases"]) >= 100


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: repr(case["text"])[:80])
def test_dockers_rules_fire_where_docker_does(case: dict[str, Any]):
    if case["findings"] is None:
        with pytest.raises(WhitError):
            found(case["text"])
        return
    bases = dict.fromkeys(range(5), BASE)
    findings = found(case["text"], bases=bases).findings
    said = sorted({(f.rule.name, f.span.line) for f in findings if f.rule.is_dockers})
    assert said == [tuple(row) for row in case["findings"]]


@pytest.mark.parametrize(
    ("text", "ignored", "is_said"),
    [
        ("COPY a /a\n", ("a",), True),
        ("COPY a/b /a\n", ("a",), True),
        ("ADD a /a\n", ("a",), True),
        ("COPY b /a\n", ("a",), False),
        ("COPY . /a\n", ("*",), True),
        ("COPY . /a\n", ("a",), False),
        ("COPY a /a\n", ("*", "!a"), False),
        ("ADD https://a/b /a\n", ("*",), False),
        ("COPY --from=x a /a\n", ("a",), False),
        ("COPY ./a/../b /c\n", ("b",), True),
    ],
)
def test_copies_of_ignored_files_are_told(text: str, ignored: tuple[str, ...], is_said: bool):
    names = {
        f.rule.name for f in found("FROM scratch AS x\nFROM scratch\n" + text, ignored).findings
    }
    assert ("CopyIgnoredFile" in names) is is_said


def test_a_base_for_another_platform_is_told():
    base = msgspec.structs.replace(BASE, architecture="arm64")
    names = {f.rule.name for f in found("FROM b:1\n", bases={0: base}).findings}
    assert "InvalidBaseImagePlatform" in names


def test_without_the_base_only_misspellings_are_told():
    findings = found("FROM golang:1.26\nARG VERSION=1\nENV A=$GOPATH B=$VERSOIN\n").findings
    said = [f for f in findings if f.rule.name == "UndefinedVar"]
    assert [(f.message, f.hint) for f in said] == [
        ("nothing gives $VERSOIN a value", "did you mean $VERSION?")
    ]


OWN: list[tuple[str, list[str]]] = [
    (SCRATCH + "COPY a b /c\n", ["ManySourcesOneFile"]),
    (SCRATCH + "COPY *.go /c\n", ["ManySourcesOneFile"]),
    (SCRATCH + "COPY a b /c/\n", []),
    (SCRATCH + "COPY a b .\n", []),
    (SCRATCH + "COPY --chmod=640 a /x/a\n", ["UnreachableParents"]),
    (SCRATCH + "COPY --chmod=755 a /x/a\n", []),
    (SCRATCH + "COPY --chmod=640 a /a\n", []),
    (SCRATCH + "COPY --chmod=go=r a /x/a\n", []),
    (SCRATCH + "WORKDIR /x\nCOPY --chmod=640 a b\n", []),
    ("FROM debian:12\nCOPY --chmod=640 a /etc/a\n", []),
    (SCRATCH + "COPY --chown=me a /a\n", ["UnknownCopyOwner"]),
    (SCRATCH + "COPY --chown=1:2 a /a\n", []),
    (SCRATCH + "COPY passwd /etc/passwd\nCOPY --chown=me a /a\n", []),
    ("FROM debian:12\nCOPY --chown=me a /a\n", []),
    ("FROM debian:12\nCOPY --link --chown=me a /a\n", ["UnknownCopyOwner"]),
    (SCRATCH + "CMD a\n", ["NoShellInImage"]),
    (SCRATCH + 'CMD ["a"]\n', []),
    (SCRATCH + "HEALTHCHECK CMD wget x\n", ["NoShellInImage", "NoToolForHealthcheck"]),
    (SCRATCH + 'HEALTHCHECK CMD ["/app", "-health"]\n', []),
    ("FROM gcr.io/distroless/static-debian12:nonroot\nENTRYPOINT a\n", ["NoShellInImage"]),
    ("FROM gcr.io/distroless/static-debian12:debug\nENTRYPOINT a\n", []),
    (SCRATCH + "USER me\n", ["UserWithoutPasswd"]),
    (SCRATCH + "USER 1:2\n", []),
    (SCRATCH + "COPY --from=x:1 /etc/passwd /etc/\nUSER me\n", []),
    ("FROM gcr.io/distroless/static:nonroot\nUSER nonroot\n", []),
    ("FROM alpine\n", ["BaseNotPinned"]),
    ("FROM alpine:latest\n", ["BaseNotPinned"]),
    ("FROM alpine:3.20\n", []),
    (SCRATCH + "COPY .git /x\n", ["SecretsCopied"]),
    (SCRATCH + "COPY id_rsa tls.key /x/\n", ["SecretsCopied", "SecretsCopied"]),
    (SCRATCH + "COPY . /x\n", []),
]


@pytest.mark.parametrize(("text", "expected"), OWN, ids=[repr(row[0])[:80] for row in OWN])
def test_own_rules(text: str, expected: list[str]):
    assert [name for name, _ in own(text)] == expected


def test_the_whole_context_is_a_risk_only_with_the_history_in_it():
    assert own(SCRATCH + "COPY . /x\n", None) == [("SecretsCopied", 2)]
    assert own(SCRATCH + "COPY . /x\n", ("node_modules",)) == [("SecretsCopied", 2)]


FINAL = SCRATCH + "COPY --from=build /app /etc/ssl/certs /x/\n"
MODULES = "WORKDIR /s\nCOPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\n"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /app .", []),
        ("RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s' .", []),
        ("RUN CGO_ENABLED=0 go build -trimpath .", ["GoSymbolsKept"]),
        ("RUN CGO_ENABLED=0 go build -trimpath -ldflags=-w .", ["GoSymbolsKept"]),
        ("RUN CGO_ENABLED=0 go build -ldflags=-s .", ["GoPathsKept"]),
        ("RUN go build -trimpath -ldflags=-s .", ["DynamicProgramOnScratch"]),
        ("ENV CGO_ENABLED=0 GOFLAGS=-trimpath\nRUN go build -ldflags=-s .", []),
        ("RUN CGO_ENABLED=0 go build $FLAGS .", []),
        ('RUN CGO_ENABLED=0 go build -trimpath -ldflags="$LDFLAGS" .', []),
        ("RUN CGO_ENABLED=0 go build -o /$NAME .", ["GoPathsKept", "GoSymbolsKept"]),
        ("RUN make", []),
        ("RUN <<EOF\nCGO_ENABLED=0 go build -trimpath .\nEOF", ["GoSymbolsKept"]),
    ],
)  # fmt: skip
def test_flags_of_go_build(step: str, expected: list[str]):
    assert sorted({name for name, _ in own(GO + MODULES + step + "\n" + FINAL)}) == expected


def test_alpine_without_a_compiler_links_nothing_dynamically():
    step = "RUN go build -trimpath -ldflags=-s .\n"
    alpine = "FROM golang:1.26-alpine AS build\n"
    assert own(alpine + MODULES + step + FINAL) == []
    gcc = "RUN apk add gcc musl-dev\n"
    assert own(alpine + gcc + MODULES + step + FINAL) == [("DynamicProgramOnScratch", 7)]


def test_builds_that_do_not_reach_the_image_are_let_alone():
    text = (
        GO
        + MODULES
        + "RUN CGO_ENABLED=0 go build -o /tool .\n"
        + SCRATCH
        + "COPY --from=x:1 a /a\n"
    )
    assert own(text) == []


@pytest.mark.parametrize(
    ("steps", "is_said"),
    [
        ("COPY . .\nRUN go mod download", True),
        ("COPY . .\nRUN --mount=type=cache,target=/go/pkg/mod go mod download", False),
        ("COPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN go vet", False),
        ("COPY . .\nRUN make", False),
    ],
)
def test_modules_that_are_fetched_again(steps: str, is_said: bool):
    assert (("GoModulesNotCached", 2) in own(GO + steps + "\n" + SCRATCH)) is is_said


def test_a_go_image_on_scratch_wants_certificates_and_one_on_alpine_less():
    build = GO + MODULES + "RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /app .\n"
    start = 'COPY --from=build /app /\nENTRYPOINT ["/app"]\n'
    assert own(build + SCRATCH + start) == [("NoCertificatesInImage", 7)]
    alpine = build + "FROM alpine:3.20\n"
    assert own(alpine + "COPY --from=build /app /\n") == [("BaseLargerThanNeeded", 7)]
    assert own(alpine + "RUN apk add git\nCOPY --from=build /app /\n") == []


BROKEN = """\
from scratch As Base
FROM --platform=$TARGETPLATFORM scratch AS Next
RUN a \\

  b
env one two three
EXPOSE 80/TCP 127.0.0.1:1:81
LABEL "a" 'b'
"""
MENDED = """\
FROM scratch AS base
FROM scratch AS next
RUN a \\
  b
ENV one="two three"
EXPOSE 80/tcp 81
LABEL "a" 'b'
"""


def test_what_is_safe_is_mended_and_then_not_told_again():
    dockerfile = parse(BROKEN.encode())
    findings = found(BROKEN).findings
    new = "".join(f"{line}\n" for line in mended(dockerfile.lines, findings))
    # What FROM and As should be is only told once the majority is clear.
    again = "".join(f"{x}\n" for x in mended(parse(new.encode()).lines, found(new).findings))
    assert again == MENDED
    assert not any(finding.edits for finding in found(again).findings)


def test_mending_changes_no_config():
    before, after = walk(plan(BROKEN), None), walk(plan(MENDED), None)
    assert before.config == after.config
    assert before.variables == after.variables
    # EXPOSE lists its ports in the order of the words, which the address was part of.
    said = [[h.created_by for h in s.history if "EXPOSE" not in h.created_by]
            for s in (before, after)]  # fmt: skip
    assert said[0] == said[1]


def test_settings():
    assert read_settings("skip=A, B;error=true;experimental=C") == Settings(
        frozenset("AB"), frozenset("C"), is_strict=True
    )
    assert found("# check=error=true\nFROM scratch\n").is_strict
    assert not found("FROM scratch\n").is_strict


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [("abc", ["abd", "xyz"], "abd"), ("abc", ["abc"], ""), ("abc", ["xyz"], ""), ("a", [], "")],
)
def test_the_closest_name(name: str, known: list[str], expected: str):
    assert closest(name, known) == expected


def test_text_json_and_sarif():
    dockerfile = parse(BROKEN.encode(), "app/Dockerfile")
    linted = found(BROKEN)
    lines = lint_lines(dockerfile, linted)
    assert "app/Dockerfile:6: warning LegacyKeyValueFormat" in "\n".join(lines)
    assert lines[-1].endswith(f"--fix mends {sum(bool(f.edits) for f in linted.findings)}")
    document = lint_document(dockerfile, linted)
    assert document["schema"] == "whit/lint/v1"
    assert len(document["findings"]) == len(linted.findings)
    sarif = sarif_document(dockerfile, linted, "1.0")
    (run,) = sarif["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "app/Dockerfile"}
    assert place["region"] == {"startLine": 1, "startColumn": 1, "endLine": 1}
    names = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(names[row["ruleIndex"]] == row["ruleId"] for row in run["results"])
    assert lint_lines(dockerfile, Linted(())) == ["nothing to say"]


def test_what_real_files_do_is_let_alone():
    build = GO + "RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /a .\n"
    tool = GO + "RUN go install example.com/tool@latest && CGO_ENABLED=0 make\n"
    for text in (
        build + SCRATCH + "COPY --from=build /a /a\n",  # carries a file; nothing runs there
        tool + SCRATCH + 'COPY --from=build /etc/ssl/certs /a /\nENTRYPOINT ["/a"]\n',
        'FROM a:1\nADD https://e.example/x.git?ref=v1 /src/x\nENTRYPOINT ["/x"]\n',
        "FROM debian:13\nCOPY --chmod=0644 a b /etc/default/\n",
    ):
        assert own(text) == [], text
    windows = found("FROM a\nWORKDIR C:\\x\n").findings
    assert not [finding for finding in windows if finding.rule.name == "WorkdirRelativePath"]
