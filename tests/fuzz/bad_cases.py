"""Cases that a program may not survive; its processes import this file, and so know them too."""

import os
import signal
import time

from scripts.torture import fuzzing
from scripts.torture.fuzzing import Target


def killed(rng, folder):
    os.kill(os.getpid(), signal.SIGKILL)


def spinning(rng, folder):
    while True:
        pass


def waiting(rng, folder):
    time.sleep(10_000)


def hoarding(rng, folder):
    return bool(bytearray(3 * 2**30))


CASES = {
    "good": Target(lambda rng, folder: True, 3),
    "killed": Target(killed, 2),
    "spinning": Target(spinning, 1),
    "waiting": Target(waiting, 1),
    "hoarding": Target(hoarding, 1),
}
fuzzing.TARGETS.clear()
fuzzing.TARGETS.update(CASES)
fuzzing.SECONDS = 1
fuzzing.CLOCK = 12

if __name__ == "__main__":
    for name, count in fuzzing.fuzz(cases=8, seed=0).items():
        last = {what.strip().splitlines()[-1] for _, what in count.failures}
        told = f"read {count.read}, refused {count.refused}, failed {count.failed}"
        print(name, "|", " ".join([told, *last]))
