r"""The table of credentials that give themselves away: by a prefix and a form, or by a file's name.

The rule of the room: a rule is certain where nothing else has that form (a checksum fits, a prefix
that the issuer reserved, a key with its body), and likely where an honest file may hold it too.
Each begins with a keyword, which the search looks for together with the known values; the form is
only tried where a keyword stands.
"""

import re
import zlib
from collections.abc import Callable, Iterable

import msgspec

_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Rule(msgspec.Struct, frozen=True):
    """A credential's form, a pattern that `re` compiles when it is first asked and then keeps.
    `keyword` is where it begins to match.
    """

    name: str
    keyword: bytes
    form: bytes
    is_certain: bool = True
    check: Callable[[bytes], bool] | None = None

    def stands(self, window: bytes, at: int) -> bool:
        found = re.compile(self.form, re.DOTALL).match(window, at)
        if found is None or _is_placeholder(found[0][len(self.keyword) :]):
            return False
        # Go lays constants end to end: only a doubtful form has to stand apart.
        before, after = window[at - 1 : at], window[found.end() : found.end() + 1]
        if not self.is_certain and (before.isalnum() or after.isalnum()):
            return False
        return self.check is None or self.check(found[0])


def _has_checksum(token: bytes) -> bool:
    """GitHub's and npm's last six characters are the CRC 32 of the rest, in base 62."""
    body = token.partition(b"_")[2]
    crc, text = zlib.crc32(body[:-6]), b""
    while crc:
        crc, digit = divmod(crc, 62)
        text = _BASE62[digit : digit + 1] + text
    return text.rjust(6, b"0") == body[-6:]


def _is_placeholder(body: bytes) -> bool:
    """xxxx, 0000, EXAMPLE: what documentation writes."""
    return len(set(body)) < 6 or b"EXAMPLE" in body.upper() or b"XXXX" in body.upper()


def _rule(name: str, keyword: str, rest: str, certain: bool = True) -> Rule:
    return Rule(name, keyword.encode(), re.escape(keyword).encode() + rest.encode(), certain)


_KEY_BODY = rb"-----(?:\s|\\[nr])*(?:[A-Za-z-]+: [^\n]+\n)*(?:[A-Za-z0-9+/=]|\s|\\[nr]){100}"


def _key(kind: str) -> Rule:
    keyword = f"-----BEGIN {kind}PRIVATE KEY".encode()
    return Rule("a private key", keyword, re.escape(keyword) + _KEY_BODY)


RULES: tuple[Rule, ...] = (
    *(_key(kind) for kind in ("", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ")),
    *(
        Rule(
            "a GitHub token",
            prefix,
            re.escape(prefix) + rb"[A-Za-z0-9]{36}",
            check=_has_checksum,
        )
        for prefix in (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_")
    ),
    _rule("a GitHub token", "github_pat_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    Rule(
        "an npm token",
        b"npm_",
        rb"npm_[A-Za-z0-9]{36}",
        check=_has_checksum,
    ),
    _rule("a GitLab token", "glpat-", "[A-Za-z0-9_-]{20}(?:\\.[a-z0-9.]{9,40})?"),
    _rule("a GitLab runner token", "glrt-", "[A-Za-z0-9_-]{20}(?:\\.[a-z0-9.]{9,40})?"),
    _rule("a PyPI token", "pypi-AgEIcHlwaS5vcmc", "[A-Za-z0-9_-]{50,400}"),
    _rule("a Docker Hub token", "dckr_pat_", "[A-Za-z0-9_-]{27}"),
    _rule("a Slack token", "xoxb-", "[0-9]{10,13}-[0-9]{10,13}-[A-Za-z0-9]{24}"),
    _rule("a Slack token", "xoxp-", "[0-9]{10,13}-[0-9]{10,13}-[0-9-]*[a-f0-9]{32}"),
    _rule(
        "a Slack webhook", "https://hooks.slack.com/services/T",
        "[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24}",
    ),
    _rule("a Stripe key", "sk_live_", "[A-Za-z0-9]{24,247}"),
    _rule("a Stripe key", "rk_live_", "[A-Za-z0-9]{24,247}"),
    _rule("a SendGrid key", "SG.", "[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}"),
    _rule("an age key", "AGE-SECRET-KEY-1", "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    _rule("a DigitalOcean token", "dop_v1_", "[a-f0-9]{64}"),
    _rule("a Vault token", "hvs.", "[A-Za-z0-9_-]{90,120}"),
    _rule("a Grafana token", "glsa_", "[A-Za-z0-9]{32}_[a-f0-9]{8}"),
    _rule("a Shopify token", "shpat_", "[a-fA-F0-9]{32}"),
    _rule("a Hugging Face token", "hf_", "[A-Za-z]{34}", certain=False),
    _rule("an Anthropic key", "sk-ant-", "[a-z0-9]{4,8}-[A-Za-z0-9_-]{80,120}"),
    _rule("an OpenAI key", "sk-proj-", "[A-Za-z0-9_-]{48,200}"),
    _rule("an AWS access key", "AKIA", "[A-Z2-7]{16}", certain=False),
    _rule("a Google API key", "AIza", "[A-Za-z0-9_-]{35}", certain=False),
    _rule(
        "a JSON web token", "eyJ",
        "[A-Za-z0-9_-]{15,2000}\\.eyJ[A-Za-z0-9_-]{15,4000}\\.[A-Za-z0-9_-]{20,1000}",
        certain=False,
    ),
    _rule("an Azure storage key", "AccountKey=", "[A-Za-z0-9+/]{86}=="),
)  # fmt: skip
CERTAIN = frozenset(rule.name for rule in RULES if rule.is_certain)


class FileRule(msgspec.Struct, frozen=True):
    """A file that keeps credentials, by its path."""

    name: str
    form: str
    is_certain: bool = True


_BEGIN = "(?:^|/)"


def _file(name: str, form: str, certain: bool = True) -> FileRule:
    return FileRule(name, rf"{_BEGIN}(?:{form})$", certain)


FILE_RULES: tuple[FileRule, ...] = (
    _file("a repository, whose configuration and history may hold tokens", r"\.git/config"),
    _file("git's credentials", r"\.git-credentials"),
    _file("passwords of hosts", r"\.netrc|_netrc"),
    _file("an ssh key", r"id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?"),
    _file("logins of registries", r"\.docker/config\.json|\.dockercfg|containers/auth\.json"),
    _file("access to a cluster", r"\.kube/config|kubeconfig|kubeconfig\.ya?ml"),
    _file("AWS credentials", r"\.aws/credentials"),
    _file("Google credentials", r"application_default_credentials\.json"),
    _file("passwords of databases", r"\.pgpass|\.my\.cnf"),
    _file(
        "logins of package indexes", r"\.pypirc|\.gem/credentials|\.cargo/credentials(?:\.toml)?"
    ),
    _file("variables of an environment", r"\.env(?:\.(?!example$|sample$|template$|dist$)[\w-]+)*"),
    _file("settings of npm, perhaps with a token", r"\.npmrc", certain=False),
    _file("a key store", r"[^/]+\.(?:p12|pfx|jks|keystore|kdbx)", certain=False),
    _file("passwords of a web server", r"\.htpasswd", certain=False),
    _file("Terraform's state", r"[^/]+\.tfstate", certain=False),
)

# As BuildKit's check SecretsUsedInArgOrEnv reads names.
_ALARMING = r"(?:_|^)(?:api_?key|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)"
_HARMLESS = r"public|file|path|version|url|name|_id$|ttl|expir"


def says_secret(name: str) -> bool:
    """Whether a variable's name says that its value is a secret."""
    last = name.rpartition(".")[2]
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last)
    is_secret = re.search(_ALARMING, spaced, re.IGNORECASE)
    return bool(is_secret) and not re.search(_HARMLESS, spaced, re.IGNORECASE)


def file_rule(path: str) -> FileRule | None:
    """The rule that a path of an image or a context falls under."""
    return next((rule for rule in FILE_RULES if re.search(rule.form, path)), None)


def credential_files(paths: Iterable[str]) -> list[str]:
    """Those of many paths that fall under a rule; one search, since there may be 100,000."""
    forms = "|".join(rule.form.removeprefix(_BEGIN) for rule in FILE_RULES)
    text = "/" + "\n/".join(paths)
    return [
        text[text.rfind("\n", 0, found.end()) + 2 : found.end()]
        for found in re.finditer(f"/(?:{forms})", text, re.MULTILINE)
    ]
