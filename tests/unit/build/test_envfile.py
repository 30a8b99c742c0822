import os
from pathlib import Path

import pytest

from whit.build.contracts import check, read_secret_names
from whit.build.envfile import parse_env_file
from whit.model.contract import Contract, Variable


def test_an_env_file_as_people_write_it():
    read = parse_env_file(
        "# comment\n\nA=1\nexport B = two words # why\nC='single # not'\n"
        'D="line one\nline \\"two\\""\nE=\nA=3\nnot a line\nOUTSIDE\nNOWHERE\n',
        {"OUTSIDE": "x"},
    )
    assert read.variables == {"A": "3", "B": "two words", "C": "single # not", "E": "",
                              "D": 'line one\nline "two"', "OUTSIDE": "x"}  # fmt: skip
    assert read.notes == ("line 9: A is there twice, the last one counts",)
    assert read.wrong == ("line 10 is no NAME=value",)


def test_a_dollar_stays_and_is_said_where_compose_would_replace_it():
    read = parse_env_file("A=pa$word\nB='pa$word'\nC=\"${X}\"\nD=5$\n", {"word": "no"})
    assert read.variables == {"A": "pa$word", "B": "pa$word", "C": "${X}", "D": "5$"}
    assert [note.partition(";")[0] for note in read.notes] == [
        "line 1: the $ of A stays", "line 3: the $ of C stays",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('A="a\\\\n"', "a\\n"),
        ('A="a\\nb\\tc\\q"', "a\nb\tc\\q"),
        ("A='a\\n'", "a\\n"),
        ("\ufeffA=1\r\nB=2\r\n", "1"),
        ("A=x\u2028y\x0bz", "x\u2028y\x0bz"),
        ('A="one\n\ntwo" # more', "one\n\ntwo"),
        ("A=''", ""),
    ],
)
def test_quotes_and_line_ends(text: str, value: str):
    read = parse_env_file(text, {})
    assert (read.variables["A"], read.notes, read.wrong) == (value, (), ())


def test_a_quote_without_end_is_said_and_ends():
    read = parse_env_file("A='open\nB=1\n", {})
    assert read.wrong == ("line 1: the quote of A is never closed",)
    assert read.variables["A"].startswith("open")


CONTRACT = Contract(
    env=(
        Variable("DB_PASSWORD", required=True, secret=True),
        Variable("PORT", type="port"),
        Variable("TOKEN", required=True, secret=True, usage="of the API"),
    ),
    libraries={"std": ("GODEBUG",)},
)


def test_everything_wrong_is_listed_at_once():
    wrong, doubtful = check(CONTRACT, {"PORT": "99999", "TOKN": "x", "GODEBUG": "y"}, {})
    assert wrong == (
        "DB_PASSWORD is required and not set",
        "PORT is no port",
        "TOKEN is required and not set: of the API",
    )
    assert doubtful == ("TOKN is set, and nothing known reads it; did you mean TOKEN?",)


@pytest.mark.parametrize(
    ("env", "secrets", "wrong"),
    [
        ({"DB_PASSWORD": "x", "TOKEN": "y"}, {}, ()),
        ({"TOKEN_FILE": "/t"}, {"db_password": 3}, ()),
        ({"TOKEN": "x", "TOKEN_FILE": "/t"}, {"DB_PASSWORD": 3}, ("TOKEN and TOKEN_FILE",)),
        ({"TOKEN": "x", "DB_PASSWORD": "y"}, {"token": 3}, ("TOKEN is set, and a secret",)),
        ({"TOKEN": " ", "DB_PASSWORD": "x"}, {}, ("TOKEN is required and empty",)),
        ({"TOKEN": "x" * 140_000, "DB_PASSWORD": "x"}, {}, ("TOKEN is longer",)),
    ],
)
def test_ways_to_give_a_secret(env: dict[str, str], secrets: dict[str, int], wrong: tuple[str]):
    said, _ = check(CONTRACT, env, secrets)
    assert len(said) == len(wrong)
    assert all(one.startswith(start) for one, start in zip(said, wrong, strict=True))


def test_a_secret_counts_only_where_something_reads_the_file():
    env = {"TOKEN": "x"}
    assert check(CONTRACT, env, {"db_password": 3}, ("DB_PASSWORD",))[0] == ()
    (said,) = check(CONTRACT, env, {"db_password": 3}, ())[0]
    assert said.endswith("a file, which nothing reads: declare it secret")
    read = Contract(env=(*CONTRACT.env, Variable("DB_PASSWORD_FILE")))
    assert check(read, env, {"db_password": 1 << 20}, ())[0] == ()
    (said,) = check(CONTRACT, env, {"db_password": 1 << 20}, ("DB_PASSWORD",))[0]
    assert said == "DB_PASSWORD would be longer than Linux lets a variable be"


def test_secrets_of_a_directory(tmp_path: Path):
    place = tmp_path / "secrets"
    (place / "..data").mkdir(parents=True)
    (place / "..data" / "token").write_text("x")
    (place / "token").symlink_to("..data/token")
    (place / "out").symlink_to("/etc/passwd")
    (place / "empty").write_text("")
    (place / "large").write_bytes(bytes((1 << 20) + 1))
    (tmp_path / "f").mkdir()
    os.mkfifo(place / "pipe")
    sizes, wrong = read_secret_names(str(place))
    assert sizes == {"token": 1}
    assert [one.split()[0] for one in wrong] == ["empty", "large", "out", "pipe"]
