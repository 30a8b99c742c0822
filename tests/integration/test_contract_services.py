"""Contracts of real services, compared with what they document of themselves (`make corpus`)."""

import json
import re
import subprocess
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
