"""Which of the three ways holds a step, on hosts that are only values."""

import pytest

from whit.errors.sandbox import RuntimeFailed
from whit.sandbox import limiting
from whit.sandbox.document import Memory, Pids, ResourceLimit
from whit.sandbox.engine import How, Runtime
from whit.sandbox.limiting import holding, limits_text
from whit.sandbox.spec import HostFacts, IdRange, Limits

RANGES = (IdRange(100000, 65536),)
ROOT = HostFacts(has_cgroup_limits=True)
USER = HostFacts(1000, 1000, is_root=False, uid_ranges=RANGES, gid_ranges=RANGES)
RUNC = Runtime("runc", "/usr/sbin/runc", How.PLAIN)
CRUN = Runtime("crun", "/usr/bin/crun", How.NO_CGROUPS)
BOTH = Limits(memory_bytes=64 << 20, pids=32)


def test_no_limit_holds_nothing() -> None:
    with holding(Limits(), CRUN, USER, "whit-test") as hold:
        assert not hold.how
        assert not hold.rlimits


def test_a_runtime_with_cgroups_is_told() -> None:
    with holding(BOTH, RUNC, ROOT, "whit-test") as hold:
        assert hold.resources
        assert hold.resources.memory == Memory(64 << 20, 64 << 20)
        assert hold.resources.pids == Pids(32)
        assert "runc" in hold.how


def test_without_cgroups_a_user_is_counted_and_root_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limiting, "cgroup_mode", lambda: "none")
    with holding(BOTH, CRUN, USER, "whit-test") as hold:
        assert hold.rlimits == (
            ResourceLimit("RLIMIT_AS", 64 << 20, 64 << 20),
            ResourceLimit("RLIMIT_NPROC", 32, 32),
        )
    with pytest.raises(RuntimeFailed, match="needs cgroups"), holding(BOTH, CRUN, ROOT, "x"):
        pass


def test_limits_are_said() -> None:
    assert limits_text(BOTH) == "at most 64 MiB of memory and 32 processes"
