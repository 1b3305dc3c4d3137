"""The ordered map: same results for any number of processes, and no waiting for the dead."""

import os
import time

import pytest

from data_loader.parallel import ordered_map
from utils.errors import UserError


def square_slowly(number):
    time.sleep(0.02 * (number % 3))  # later pieces finish earlier
    return number * number


def die(number):
    os._exit(1)


def fail(number):
    raise UserError(f"piece {number}")


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("pieces", [0, 1, 2, 10])
def test_results_come_in_order(jobs, pieces):
    assert list(ordered_map(square_slowly, range(pieces), jobs)) == [n * n for n in range(pieces)]


def test_a_killed_process_is_an_error():
    with pytest.raises(UserError, match="was killed"):
        list(ordered_map(die, range(5), 2))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_is_raised_again_here(jobs):
    with pytest.raises(UserError, match="piece 0"):
        list(ordered_map(fail, range(5), jobs))


def test_pieces_are_read_as_they_are_needed():
    read = []

    def stream():
        for number in range(50):
            read.append(number)
            yield number

    results = ordered_map(square_slowly, stream(), 2)
    next(results)
    results.close()
    assert len(read) < 10
