"""What the doctor says of the machine that runs the tests."""

from pathlib import Path

import pytest

from whit.sandbox.doctor import examine_host

pytestmark = pytest.mark.sandbox


def test_every_finding_is_complete(tmp_path: Path) -> None:
    findings = examine_host(tmp_path / "store")
    assert {"Python", "Go", "Runtime", "User namespaces", "Cgroups", "Docker", "Store"} <= {
        finding.name for finding in findings
    }
    for finding in findings:
        assert finding.status in ("ok", "limited", "missing")
        assert finding.detail
        assert bool(finding.fix) == (finding.status != "ok"), finding
    assert list(tmp_path.iterdir()) == []


def test_without_tools_each_has_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whit.sandbox.doctor.find_program", lambda _name: "")
    monkeypatch.setattr("whit.sandbox.finding.find_program", lambda _name: "")
    found = {finding.name: finding for finding in examine_host(tmp_path)}
    assert (found["Runtime"].status, found["Runtime"].fix) == ("missing", "apt-get install crun")
    assert found["Go"].fix == "apt-get install golang-go"
