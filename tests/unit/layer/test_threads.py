import threading

import pytest

from whit.layer.threads import Ordered


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_come_in_the_order_given(count: int):
    gate = threading.Event()

    def work(number: int) -> int:
        if number == 0 and count > 1:
            gate.wait(5)  # the first job ends last
        if number == count - 1:
            gate.set()
        return number * number

    jobs: Ordered[int, int] = Ordered(work, count)
    made = []
    for number in range(20):
        jobs.give(number)
        if jobs.is_full:
            made.append(jobs.take())
    while not jobs.is_empty:
        made.append(jobs.take())
    jobs.close()
    assert made == [number * number for number in range(20)]


def test_no_more_is_pending_than_there_are_threads_and_one():
    jobs: Ordered[int, int] = Ordered(lambda number: number, 2)
    for number in range(3):
        assert not jobs.is_full
        jobs.give(number)
    assert jobs.is_full
    jobs.close()


def test_a_failure_reaches_whoever_takes():
    jobs: Ordered[int, float] = Ordered(lambda number: 1 / number, 2)
    jobs.give(0)
    with pytest.raises(ZeroDivisionError):
        jobs.take()
    jobs.close()


def test_close_ends_the_threads():
    before = threading.active_count()
    jobs: Ordered[int, int] = Ordered(lambda number: number, 3)
    for number in range(3):
        jobs.give(number)
    jobs.close()
    assert threading.active_count() == before
