"""Ranges, references and owners in, amounts out."""

import numpy as np

from whit.binary.intervals import Claim, Intervals, Range
from whit.binary.ledger import Ledger, Part


def numbers(*values: int) -> "np.ndarray":
    return np.array(values, np.int64)


def test_claimed_shared_followed_and_left():
    ledger = Ledger(["a.F", "b.G"], ["a", "b"])
    known = ledger.own("c", "c.v")
    # 100 c.v; 110 shared by both; 130 pointed at from c.v; 140 by nothing; 160 end
    intervals = Intervals([Range("data", 100, 160)], [numbers(110, 130, 140)])
    intervals.claim(ledger, Claim(numbers(100), numbers(0), numbers(known)))
    intervals.share(ledger, numbers(110, 110), numbers(0, 1))
    intervals.follow(ledger, numbers(104), numbers(130))
    intervals.leave(ledger)
    assert sorted(ledger.parts(60), key=lambda p: p.symbol) == [
        Part("data", "", "", 20),
        Part("data", "a", "a.F", 10),
        Part("data", "b", "b.G", 10),
        Part("data", "c", "c.v", 20),
    ]


def test_a_claim_reaches_to_its_end_and_no_further():
    ledger = Ledger([], [])
    owner = ledger.own("p", "p.v")
    intervals = Intervals([Range("data", 0, 40)], [numbers(8, 16, 24)])
    intervals.claim(ledger, Claim(numbers(8), numbers(24), numbers(owner)))
    intervals.leave(ledger)
    assert {(p.package, p.size) for p in ledger.parts(40)} == {("p", 16), ("", 24)}


def test_ranges_with_a_gap_do_not_count_it():
    ledger = Ledger(["a.F"], ["a"])
    intervals = Intervals([Range("x", 0, 10), Range("y", 50, 60)], [numbers(5)])
    intervals.share(ledger, numbers(5, 50), numbers(0, 0))
    intervals.leave(ledger)
    assert sum(p.size for p in ledger.parts(20)) == 20
    assert {(p.section, p.package, p.size) for p in ledger.parts(20)} == {
        ("x", "", 5),
        ("x", "a", 5),
        ("y", "a", 10),
    }


def test_rounding_loses_nothing():
    ledger = Ledger(["a.F", "a.G", "a.H"], ["a"] * 3)
    ledger.share("t", numbers(0, 0, 0), numbers(0, 1, 2), 10)
    parts = ledger.parts(10)
    assert sum(p.size for p in parts) == 10
    assert sorted(p.size for p in parts) == [3, 3, 4]
