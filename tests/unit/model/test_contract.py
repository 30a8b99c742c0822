import pytest

from whit.model.contract import Contract, Observed, Option, Variable, changes, decode, encode

OLD = Contract(
    env=(Variable("A", default="1"), Variable("B", required=True), Variable("GONE")),
    flags=(Option("listen", ":80"),),
)


def test_a_label_gives_the_contract_back():
    assert decode(encode(OLD)) == OLD
    assert encode(Contract()) == '{"version":1}' or decode(encode(Contract())) == Contract()


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "[]", '{"env":[{"name":""}]}', '{"env":[{"name":"A=B"}]}',
     '{"env":[{"name":"A\\u001b[31m"}]}', '{"version":2}', "{" * 5000,
     '{"env":[{"name":"A B"}]}', '{"env":[{"name":"A\\nB"}]}', '{"env":[{"name":"${A}"}]}',
     '{"env":[{"name":"A\x9bm"}]}', '{"flags":[{"name":"a: b"}]}',
     '{"env":[{"name":1}]}', '{"usage":"' + "x" * 70_000 + '"}'],
)  # fmt: skip
def test_a_hostile_label_is_no_contract(text: str):
    assert decode(text) is None


def test_what_a_terminal_would_obey_is_not_read():
    label = '{"env":[{"name":"A","usage":"\\u001b]0;x\\u0007 two\\nlines"}]}'
    contract = decode(label)
    assert contract is not None
    assert contract.env[0].usage == "\ufffd]0;x\ufffd two\nlines"


def test_what_breaks_a_deployment_comes_first():
    new = Contract(
        env=(
            Variable("A", default="2"), Variable("B"), Variable("NEW", required=True),
            Variable("SOFT"),
        )
    )  # fmt: skip
    found = [(c.name, c.breaks) for c in changes(OLD, new)]
    assert found == [
        ("--listen", True), ("NEW", True), ("A", False), ("B", False), ("GONE", False),
        ("SOFT", False),
    ]  # fmt: skip
    assert changes(OLD, OLD) == ()


def test_what_a_deployment_has_to_know_of_flags_types_and_uses():
    old = Contract(
        env=(Variable("N", type="int"), Variable("M")),
        flags=(Option("level", default="info"), Option("same", default="1")),
        observed=Observed(writes=("/tmp/a",), listens=("80/tcp",)),
    )
    new = Contract(
        env=(Variable("N", type="duration"), Variable("M", type="int")),
        flags=(Option("level", default="warn"), Option("must", required=True), Option("same")),
        observed=Observed(writes=("/tmp/b", "/var/x/db"), listens=("80/tcp", "81/tcp")),
    )
    assert [(c.name, c.what, c.breaks) for c in changes(old, new)] == [
        ("--must", "new flag and required", True),
        ("N", "int is now duration", True),
        ("--level", "default 'info' is now 'warn'", False),
        ("/var/x", "now written to", False),
        ("81/tcp", "now listened on", False),
    ]
