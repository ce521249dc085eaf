"""Work ahead in threads: in order, bounded, and over when nobody wants it."""

import threading
import time

import pytest

from lit_emotalk.inference.drawing.ahead import ahead


def test_results_come_in_order_from_several_threads() -> None:
    threads = set()
    together = threading.Barrier(3)

    def work(number: int) -> int:
        if number < 3:
            together.wait(30)
        threads.add(threading.get_ident())
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(ahead(work, range(30), 3)) == [number * number for number in range(30)]
    assert len(threads) == 3 and threading.get_ident() not in threads


def test_only_a_few_results_wait() -> None:
    done = []
    results = ahead(done.append, iter(range(1000)), 2)
    for _ in range(5):
        next(results)
    time.sleep(0.05)
    assert len(done) <= 5 + 2 + 1
    results.close()
    count = len(done)
    time.sleep(0.05)
    assert len(done) == count and not any(each.name.startswith("ahead") for each in threading.enumerate())


def test_what_the_work_raises_comes_here() -> None:
    def work(number: int) -> float:
        return 1 / (3 - number)

    results = ahead(work, range(10), 2)
    assert [next(results) for _ in range(3)] == [1 / 3, 1 / 2, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)
