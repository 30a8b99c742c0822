"""`whit lint` as it is called: what it prints, and how it ends."""

import json
from pathlib import Path

import pytest

from whit.cli.main import run

GOOD = 'FROM scratch\nCOPY app /app\nCMD ["/app"]\n'
BAD = "FROM scratch AS Final\nENV a b\n"


def lint(tmp_path: Path, text: str, *words: str) -> int:
    (tmp_path / "Dockerfile").write_text(text)
    return run(["lint", str(tmp_path), *words])


def test_a_good_file_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert lint(tmp_path, GOOD) == 0
    assert capsys.readouterr().out == "nothing to say\n"


def test_warnings_end_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert lint(tmp_path, BAD) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path}/Dockerfile:2: warning LegacyKeyValueFormat" in out


def test_advice_alone_ends_with_0(tmp_path: Path):
    assert lint(tmp_path, "FROM alpine\n") == 0


def test_advice_ends_with_1_where_the_file_asks_for_it(tmp_path: Path):
    assert lint(tmp_path, "# check=error=true\nFROM alpine\n") == 1


def test_rules_are_skipped(tmp_path: Path):
    assert lint(tmp_path, BAD, "--skip", "LegacyKeyValueFormat", "--skip", "StageNameCasing") == 0


def test_an_unknown_rule_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert lint(tmp_path, GOOD, "--skip", "StageNameCase") == 2
    assert "did you mean 'StageNameCasing'?" in capsys.readouterr().err


def test_json_and_sarif(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert lint(tmp_path, BAD, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert [row["rule"] for row in document["findings"]] == [
        "StageNameCasing",
        "LegacyKeyValueFormat",
    ]
    assert lint(tmp_path, BAD, "--sarif") == 1
    assert json.loads(capsys.readouterr().out)["version"] == "2.1.0"


def test_fix_is_a_diff_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert lint(tmp_path, BAD, "--fix") == 0
    assert "+FROM scratch AS final\n+ENV a=b\n" in capsys.readouterr().out
    assert (tmp_path / "Dockerfile").read_text() == BAD


def test_write_mends_the_file_and_keeps_its_line_ends(tmp_path: Path):
    (tmp_path / "Dockerfile").write_bytes(BAD.replace("\n", "\r\n").encode())
    assert run(["lint", str(tmp_path), "--fix", "--write"]) == 0
    assert (tmp_path / "Dockerfile").read_bytes() == b"FROM scratch AS final\r\nENV a=b\r\n"


def test_write_alone_is_refused(tmp_path: Path):
    assert lint(tmp_path, GOOD, "--write") == 2


def test_the_ignore_file_next_to_the_dockerfile_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / ".dockerignore").write_text("app\n")
    assert lint(tmp_path, GOOD) == 1
    assert "CopyIgnoredFile" in capsys.readouterr().out
    (tmp_path / "Dockerfile.dockerignore").write_text("other\n")
    assert lint(tmp_path, GOOD) == 0


def test_what_cannot_be_read_is_an_error_with_a_caret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert lint(tmp_path, "FROM scratch\nCOPI a b\n") == 1
    err = capsys.readouterr().err
    assert "error[D001]: there is no instruction 'COPI'" in err
    assert "   | COPI a b\n   | ^^^^\n" in err
    assert "hint: did you mean 'COPY'?" in err


def test_a_missing_file_is_an_error(tmp_path: Path):
    assert run(["lint", str(tmp_path / "nowhere")]) == 1
    assert run(["lint", str(tmp_path)]) == 1
