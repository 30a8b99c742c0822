"""Contracts of real services, compared with what they document of themselves (`make corpus`)."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from registry_case import whit

pytestmark = [pytest.mark.go, pytest.mark.network, pytest.mark.corpus]
PROXY = "github.com/oauth2-proxy/oauth2-proxy/v7"
PROXY_VERSION = "v7.15.6"


def contract(source: str) -> tuple[set[str], set[str]]:
    out, said = whit("config", "show", "--json", source)
    assert "nothing from the source" not in said
    document = json.loads(out)
    return ({variable["name"] for variable in document["env"]},
            {flag["name"] for flag in document["flags"]})  # fmt: skip


def test_an_oauth_proxy_documents_what_is_found():
    env, flags = contract(f"{PROXY}@{PROXY_VERSION}")
    cache = subprocess.run(
        ["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True
    ).stdout.strip()
    place = Path(cache) / f"{PROXY}@{PROXY_VERSION}"
    text = (place / "docs/docs/configuration/overview.md").read_text()
    documented = set(re.findall(r"flag: `--([a-z0-9-]+)", text))
    assert len(documented) > 130
    assert documented <= flags
    keys = set(re.findall(r"toml: `([a-z0-9_-]+)`", text))
    assert {f"OAUTH2_PROXY_{key.upper().replace('-', '_')}" for key in keys} <= env


def test_a_metrics_exporter_prints_the_flags_that_are_found(tmp_path: Path):
    source = "github.com/prometheus/node_exporter@v1.12.1"
    _, flags = contract(source)
    whit("build", source, "-t", "exporter:1", "--to", f"oci:{tmp_path}/out")
    out, said = whit("run", "exporter:1", "--help")
    printed = re.findall(r"^ *(?:-\w, )?--(?:\[no-\])?([A-Za-z0-9._-]+)", out + said, re.MULTILINE)
    assert len(printed) > 150
    # Kingpin's own three are in no source of the program.
    assert set(printed) - flags == {"help", "help-long", "version"}


STORAGE = """version: 0.1
storage: {filesystem: {rootdirectory: /tmp/registry}}
http: {addr: '127.0.0.1:0'}
"""
# Nothing says of these programs what they cannot do without: it is declared.
DECLARED = """[image]
contract = true
entry = true
[config.OAUTH2_PROXY_CLIENT_ID]
required = true
[config.OAUTH2_PROXY_CLIENT_SECRET]
required = true
secret = true
"""


def started(*words: str, until: str) -> str:
    """What a service and whit say until a line of the service has come; it is ended then."""
    command = [sys.executable, "-m", "whit.cli.entry", "run", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        said = ""
        for line in run.stdout:
            said += line
            if until in line:
                run.send_signal(signal.SIGTERM)
                break
        said += run.stdout.read()
    assert until in said, said
    return said


@pytest.mark.sandbox
def test_services_with_missing_wrong_and_right_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What whit says of each is what is wrong with it, and nothing of what is right."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "whit.toml").write_text(DECLARED)
    whit("build", f"{PROXY}@{PROXY_VERSION}", "-t", "proxy:1")
    _, said = whit("run", "proxy:1", status=1)
    names = ("OAUTH2_PROXY_CLIENT_ID", "OAUTH2_PROXY_CLIENT_SECRET")
    assert [f"  {name} is required and not set" for name in names] == said.splitlines()[:2]
    wrong = ("COOKIE_SECURE=maybe", "COOKIE_EXPIRE=week", "CLIENT_ID=id", "CLIENT_SECRET=x")
    words = [word for one in wrong for word in ("-e", f"OAUTH2_PROXY_{one}")]
    _, said = whit("run", *words, "proxy:1", status=1)
    assert "COOKIE_EXPIRE is no duration" in said
    assert "COOKIE_SECURE is neither true nor false" in said
    assert "2 things are wrong" in said
    (tmp_path / "secret").write_text("s3cr3t-of-the-client")
    right = ("CLIENT_ID=id", "COOKIE_SECRET=0123456789abcdef", "EMAIL_DOMAINS=*",
             "UPSTREAMS=static://200", "HTTP_ADDRESS=127.0.0.1:0")  # fmt: skip
    words = [word for one in right for word in ("-e", f"OAUTH2_PROXY_{one}")]
    words += ["--secret", "id=oauth2_proxy_client_secret,src=secret"]
    said = started(*words, "proxy:1", until="Cookie settings")
    assert "warning" not in said

    (tmp_path / "whit.toml").write_text("[image]\ncontract = true\n")
    whit("build", "github.com/prometheus/node_exporter@v1.12.1", "-t", "node:1")
    _, said = whit("run", "-e", "GOMAXPROCS=x", "node:1", "--version", status=1)
    assert "GOMAXPROCS is no whole number" in said
    _, said = whit("run", "-e", "SUPERVISORD_URI=http://x", "node:1", "--version")
    assert "did you mean SUPERVISORD_URL?" in said
    words = ["-e", "GOMAXPROCS=1", "node:1", "--web.listen-address=127.0.0.1:0"]
    assert "warning" not in started(*words, until="Listening on")

    module = "github.com/distribution/distribution/v3/cmd/registry@v3.1.2"
    whit("build", module, "-t", "registry:1")
    (tmp_path / "config.yml").write_text(STORAGE)
    place = "/etc/config.yml"
    serve = ("-v", f"{tmp_path}/config.yml:{place}:ro", "--tmpfs", "/tmp", "registry:1", "serve")
    _, said = whit("run", "registry:1", "serve", place, status=1)
    assert "no such file" in said
    wrong = ("-e", "REGISTRY_LOG_LEVEL=loud", "-e", "REGISTRY_CONFIGURATION_PAHT=/x")
    _, said = whit("run", *wrong, *serve, place, status=1)
    assert "did you mean REGISTRY_CONFIGURATION_PATH?" in said
    assert "invalid loglevel loud" in said
    right = ("-e", "REGISTRY_HTTP_SECRET=x", "-e", "OTEL_TRACES_EXPORTER=none")
    said = started(*right, *serve, place, until="listening on")
    assert "nothing known reads" not in said
