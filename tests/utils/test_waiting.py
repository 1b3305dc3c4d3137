"""Waiting for data is measured by a clock of the test's own."""

import pytest

from utils.waiting import AT_LEAST, DataWait


class Clock:
    """Stands still but for what is slept."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def train(wait, clock, steps, load, work):
    """A loop whose batches take `load` seconds and whose steps take `work`."""

    def batches():
        for step in range(steps):
            clock.sleep(load)
            yield step

    for expected, step in enumerate(wait.watch(batches())):
        assert step == expected
        clock.sleep(work)
    return step


def test_the_share_of_the_time_is_what_was_waited():
    clock = Clock()
    wait = DataWait(clock)
    assert train(wait, clock, 41, load=0.6, work=0.4) == 40
    assert wait.share == pytest.approx(0.6)
    line = wait.remark()
    assert "waits for data 60% of its time (24 of 40 s)" in line and "--data_dir" in line
    assert "\n" not in line
    assert wait.remark() is None  # once


def test_fast_storage_is_no_remark():
    clock = Clock()
    wait = DataWait(clock)
    train(wait, clock, 100, load=0.1, work=0.9)
    assert wait.share == pytest.approx(0.1)
    assert wait.remark() is None


def test_a_short_while_is_no_remark():
    clock = Clock()
    wait = DataWait(clock)
    train(wait, clock, 11, load=0.09 * AT_LEAST, work=0.0)
    assert wait.remark() is None
    train(wait, clock, 3, load=0.09 * AT_LEAST, work=0.0)
    assert "100%" in wait.remark()


def test_the_first_batch_of_each_pass_is_not_counted():
    clock = Clock()
    wait = DataWait(clock)

    def batches():
        clock.sleep(50)
        yield 0
        yield from range(20)

    for _ in range(2):
        for _ in wait.watch(batches()):
            clock.sleep(1)
    assert wait.share == 0 and wait.remark() is None
