"""docker's filter: every name once, and what is refused is not allowed elsewhere."""

import msgspec
import pytest

from whit.sandbox.seccomp import seccomp_of

NEW_USER = 0x10000000


def rules(name: str) -> list[tuple[str, int | None]]:
    profile = seccomp_of("x86_64")
    assert profile
    return [(rule.action, rule.errno_ret) for rule in profile.syscalls if name in rule.names]


@pytest.mark.parametrize("name", ["openat", "execve", "chroot", "ptrace", "fchmodat2", "mseal"])
def test_what_docker_allows(name: str) -> None:
    assert rules(name) == [("SCMP_ACT_ALLOW", None)]


@pytest.mark.parametrize("name", ["mount", "unshare", "keyctl", "io_uring_setup", "userfaultfd"])
def test_what_docker_refuses_answers_eperm(name: str) -> None:
    assert rules(name) == [("SCMP_ACT_ERRNO", 1)]


def test_what_no_table_names_answers_enosys() -> None:
    profile = seccomp_of("x86_64")
    assert profile
    assert (profile.default_action, profile.default_errno_ret) == ("SCMP_ACT_ERRNO", 38)
    assert rules("clone3") == [("SCMP_ACT_ERRNO", 38)]
    assert rules("a_call_of_next_year") == []


@pytest.mark.parametrize(("machine", "index"), [("x86_64", 0), ("aarch64", 0), ("s390x", 1)])
def test_clone_is_allowed_without_namespaces(machine: str, index: int) -> None:
    profile = seccomp_of(machine)
    assert profile
    found = [rule for rule in profile.syscalls if rule.names == ("clone",)]
    assert {rule.args[0].index for rule in found} == {index}
    allowed = [rule for rule in found if rule.action == "SCMP_ACT_ALLOW"]
    assert len(allowed) == 1
    argument = allowed[0].args[0]
    assert (argument.value & NEW_USER, argument.value_two) == (NEW_USER, 0)


def test_no_name_has_two_rules_without_arguments() -> None:
    profile = seccomp_of("x86_64")
    assert profile
    plain = [name for rule in profile.syscalls if not rule.args for name in rule.names]
    assert len(plain) == len(set(plain))
    partial = {name for rule in profile.syscalls if rule.args for name in rule.names}
    assert not partial & set(plain)


def test_the_document_has_the_runtimes_words() -> None:
    document = msgspec.json.decode(msgspec.json.encode(seccomp_of("x86_64")))
    assert document["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    clone = next(rule for rule in document["syscalls"] if rule["names"] == ["clone"])
    assert clone["args"] == [
        {"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ", "valueTwo": 0}
    ]
    assert seccomp_of("vax") is None
