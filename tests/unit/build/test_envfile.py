import os
from pathlib import Path

import pytest

from whit.build.contracts import check, read_secret_names
from whit.build.envfile import parse_env_file
from whit.model.contract import Contract, Variable


def test_an_env_file_as_people_write_it():
    env, wrong = parse_env_file(
        "# comment\n\nA=1\nexport B = two words # why\nC='single # not'\n"
        'D="line one\nline \\"two\\""\nE=\nA=3\nnot a line\n'
    )
    assert env == {"A": "3", "B": "two words", "C": "single # not", "E": "",
                   "D": 'line one\nline "two"'}  # fmt: skip
    assert wrong == ("line 9: A is there twice, the last one counts", "line 10 is no NAME=value")


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
    env, wrong = parse_env_file(text)
    assert (env["A"], wrong) == (value, ())


def test_a_quote_without_end_is_said_and_ends():
    env, wrong = parse_env_file("A='open\nB=1\n")
    assert wrong == ("line 1: the quote of A is never closed",)
    assert env["A"].startswith("open")


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
