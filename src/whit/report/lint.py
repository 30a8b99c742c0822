"""Findings in a Dockerfile in, text, a JSON document or a SARIF log out."""

from typing import Any

from whit.dockerfile.findings import Finding, Level
from whit.dockerfile.lint import Linted
from whit.dockerfile.parser import Dockerfile
from whit.dockerfile.rules import RULES
from whit.report.words import count_text

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SARIF_LEVELS = {Level.WARNING: "warning", Level.ADVICE: "note"}


def lint_lines(dockerfile: Dockerfile, linted: Linted) -> list[str]:
    """A finding: its place, what is wrong, the line, and what to write."""
    lines: list[str] = []
    for finding in linted.findings:
        text = dockerfile.lines[finding.span.line - 1].strip()
        place = f"{dockerfile.file}:{finding.span.line}"
        lines += [
            f"{place}: {finding.rule.level} {finding.rule.name}: {finding.message}",
            f"    {text}",
        ]
        lines += [f"  hint: {finding.hint}"] if finding.hint else []
        lines.append("")
    return [*lines, summary(linted)]


def summary(linted: Linted) -> str:
    count = {level: sum(f.rule.level is level for f in linted.findings) for level in Level}
    if not linted.findings:
        return "nothing to say"
    parts = [
        count_text(count[Level.WARNING], "warning") if count[Level.WARNING] else "",
        f"{count[Level.ADVICE]} of advice" if count[Level.ADVICE] else "",
    ]
    mendable = sum(bool(finding.edits) for finding in linted.findings)
    mends = f"; --fix mends {mendable}" if mendable else ""
    return ", ".join(filter(None, parts)) + mends


def lint_document(dockerfile: Dockerfile, linted: Linted) -> dict[str, Any]:
    return {
        "schema": "whit/lint/v1",
        "file": dockerfile.file,
        "findings": [_row(finding) for finding in linted.findings],
    }


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule.name,
        "level": finding.rule.level.value,
        "docker": finding.rule.is_dockers,
        "message": finding.message,
        "hint": finding.hint,
        "line": finding.span.line,
        "end_line": finding.span.end_line,
        "column": finding.span.column,
        "can_be_mended": bool(finding.edits),
    }


def sarif_document(dockerfile: Dockerfile, linted: Linted, version: str) -> dict[str, Any]:
    """SARIF 2.1.0: one run, every rule described, so that code hosts can show them."""
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "whit",
                        "version": version,
                        "rules": [
                            {
                                "id": rule.name,
                                "shortDescription": {"text": rule.why},
                                "defaultConfiguration": {"level": _SARIF_LEVELS[rule.level]},
                            }
                            for rule in RULES
                        ],
                    }
                },
                "results": [_result(dockerfile, finding) for finding in linted.findings],
            }
        ],
    }


def _result(dockerfile: Dockerfile, finding: Finding) -> dict[str, Any]:
    hint = f" ({finding.hint})" if finding.hint else ""
    return {
        "ruleId": finding.rule.name,
        "ruleIndex": RULES.index(finding.rule),
        "level": _SARIF_LEVELS[finding.rule.level],
        "message": {"text": finding.message + hint},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": dockerfile.file},
                    "region": {
                        "startLine": finding.span.line,
                        "startColumn": finding.span.column,
                        "endLine": finding.span.end_line,
                    },
                }
            }
        ],
    }
