"""A contract as lines: readable, and harmless whoever wrote it."""

from whit.model.contract import Contract, Observed, Option, Variable, decode, encode, encode_label
from whit.report.contract import contract_lines

HOSTILE = Contract(
    env=(Variable("A", usage="red \x1b[31m\nand more", type="\x07", sources=("\x1b]0;x",)),),
    flags=(Option("f", default="\x1b", usage="\r"),),
    libraries={"\x1b[2J": ("B",)},
    prefixes=("\x1b[H_",),
    observed=Observed(files=("/\x1b[1m",)),
)


def test_nothing_in_a_label_steers_a_terminal():
    for contract in (HOSTILE, decode(encode(HOSTILE))):
        assert contract is not None
        assert all(line.isprintable() for line in contract_lines(contract, everything=True))


def test_a_large_contract_is_told_in_fewer_words():
    large = Contract(
        env=tuple(Variable(f"NAME_{n}", required=n % 2 == 0, usage="u" * 100) for n in range(150)),
        flags=tuple(Option(f"flag-{n}", "x", "w" * 150) for n in range(200)),
    )
    label = encode_label(large)
    assert len(label) <= 16 << 10
    kept = decode(label)
    assert kept is not None
    assert [v.name for v in kept.env if v.required] == [v.name for v in large.env if v.required]
    small = Contract(env=large.env[:2], flags=large.flags[:2])
    assert encode_label(small) == encode(small)
