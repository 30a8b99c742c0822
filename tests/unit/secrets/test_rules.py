"""Credentials are made up here, at run time: no file of a repository should hold their form."""

import base64
import random
import zlib

import pytest

from whit.model.secret import Secrets
from whit.secrets.rules import RULES, credential_files, file_rule, says_secret
from whit.secrets.scan import BY_FORM, Search

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SEARCH = Search(Secrets(), RULES)


def some(count: int, letters: str = LETTERS) -> str:
    return "".join(random.Random(count).choices(letters, k=count))


def checked(prefix: str) -> str:
    body = some(30)
    crc, text = zlib.crc32(body.encode()), ""
    while crc:
        crc, digit = divmod(crc, 62)
        text = LETTERS[digit] + text
    return prefix + body + text.rjust(6, "0")


PEM = base64.encodebytes(random.Random(1).randbytes(300)).decode()
FOUND = {
    "a GitHub token": checked("ghp" + "_"),
    "an npm token": checked("npm" + "_"),
    "a GitLab token": "glpat" + "-" + some(20),
    "a PyPI token": "pypi-" + "AgEIcHlwaS5vcmc" + some(70),
    "a Stripe key": "sk_" + "live_" + some(24),
    "a Slack token": "xoxb" + f"-{some(12, '0123456789')}-{some(12, '0123456789')}-{some(24)}",
    "an AWS access key": "AKIA" + some(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "an age key": "AGE-SECRET-" + "KEY-1" + some(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "a private key": "-----BEGIN " + "RSA PRIVATE KEY-----\n" + PEM,
    "a JSON web token": f"eyJ{some(30)}.eyJ{some(40)}.{some(43)}",
    "a Docker Hub token": "dckr" + "_pat_" + some(27),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_credential_is_told_by_its_form(name: str):
    for around in ("{}", 'x = "{}"', "token={}\n", '{{"a":"{}"}}'):
        (spot,) = SEARCH.whole(around.format(FOUND[name]).encode()).spots
        assert (spot.secret, spot.encoding) == (name, BY_FORM)


@pytest.mark.parametrize(
    "text",
    [
        "ghp" + "_" + some(36),  # the checksum is wrong
        "sk_" + "live_" + "x" * 30,
        "AKIA" + "IOSFODNN7EXAMPLE",
        "-----BEGIN RSA " + "PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n" + PEM,
        "glpat" + "-short",
        "eyJhbGciOi.eyJ",
        "mySG.tooshort.x",
    ],
)
def test_what_only_looks_so_is_no_credential(text: str):
    assert not SEARCH.whole(text.encode()).spots


@pytest.mark.parametrize(
    ("path", "is_certain"),
    [
        ("/app/.env", True),
        ("/app/.env.production", True),
        ("/root/.netrc", True),
        ("/home/x/.ssh/id_ed25519", True),
        ("/src/.git/config", True),
        ("/root/.docker/config.json", True),
        ("/etc/kubeconfig.yaml", True),
        ("/app/.npmrc", False),
        ("/app/server.p12", False),
    ],
)
def test_files_that_keep_credentials(path: str, is_certain: bool):
    rule = file_rule(path)
    assert rule is not None
    assert rule.is_certain is is_certain


@pytest.mark.parametrize(
    "path", ["/app/.env.example", "/x/id_ed25519.pub", "/etc/config.json", "/app/env", "/a.key.md"]
)
def test_files_that_keep_none(path: str):
    assert file_rule(path) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("DB_PASSWORD", True), ("API_KEY", True), ("GITHUB_TOKEN", True), ("main.Token", True),
        ("main.apiKey", True), ("example.test/m.SecretKey", True), ("TOKEN", True),
        ("main.version", False), ("PUBLIC_KEY", False), ("TOKEN_FILE", False),
        ("MONKEY", False), ("KEYBOARD", False), ("AUTH_URL", False), ("PASSWORD_PATH", False),
        ("AWS_ACCESS_KEY_ID", False), ("CACHE_KEY", True),
    ],
)  # fmt: skip
def test_names_that_say_secret(name: str, says: bool):
    assert says_secret(name) is says


def test_many_paths_are_searched_at_once_with_the_same_answer():
    names = (
        *("/.env", "/a/.env", "b/.env.local", ".netrc", "/x/id_rsa", "/x/id_rsa.pub", "/k.p12"),
        *("/a/.git/config", "/a/.env.example", "/x.tfstate", "/x/.docker/config.json", "/x/y.env"),
        *("/a.b/c.jks", "/kubeconfig", "/xkubeconfig", "/a/.npmrc/x", "", "/"),
    )
    assert credential_files(names) == [name for name in names if file_rule(name)]
