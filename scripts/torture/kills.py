"""`kill -9` at random moments of building, extraction and training, again and again."""

import random
import shutil
from functools import partial
from pathlib import Path

from scripts.torture.compare import expect_same
from scripts.torture.outcome import Outcome, TortureError
from scripts.torture.programs import (
    BUILD,
    EXTRACT,
    TRAIN,
    Ended,
    Program,
    Workshop,
    expect_success,
    finish,
    start,
)

PROGRAMS = {"building": BUILD, "extraction": EXTRACT, "training": TRAIN}


def kill_programs(
    workshop: Workshop, kills: int, seed: int, only: tuple[str, ...] = tuple(PROGRAMS)
) -> list[Outcome]:
    """Kills each program so many times; a row for each of them."""
    return [Killing(workshop, name, seed).until(kills) for name in PROGRAMS if name in only]


class Killing:
    """Kills one program, starts it again, and compares what it makes in the end.

    A process is killed at a moment that is drawn from all moments of a whole run, so that a chain
    of deaths ends in a product sooner or later; then another chain begins, until there were
    enough.

    Args:
        workshop: makes what the program needs.
        name: of the program.
        seed: decides the moments.
    """

    def __init__(self, workshop: Workshop, name: str, seed: int):
        self._workshop, self._name, self._seed = workshop, name, seed
        self._program: Program = PROGRAMS[name]
        self._random = random.Random(f"{name} {seed}")

    def until(self, kills: int) -> Outcome:
        """Kills so many times; the outcome counts the kills of chains that ended well."""
        outcome = partial(Outcome, "kills", f"kill -9 in {self._name}", kills)
        survived = 0
        try:
            whole = self._prepare("whole")
            expect_success(self._run(whole, 0))
            moments = int((whole / "moments").read_text())
            while survived < kills:
                chain = self._prepare("chain")
                killed = self._chain(chain, kills - survived, moments)
                expect_same(whole / self._program.product, chain / self._program.product)
                survived += killed
                print(f"kill -9 in {self._name}: {survived} of {kills} so far", flush=True)
                shutil.rmtree(chain)
        except TortureError as error:
            return outcome(survived, f"--seed {self._seed}: {error}")
        return outcome(survived, f"{moments} moments to choose from")

    def _chain(self, folder: Path, most: int, moments: int) -> int:
        """Starts the program until it ends by itself; how many times it was killed."""
        killed = 0
        while True:
            moment = self._random.randint(1, moments) if killed < most else 0
            ended = self._run(folder, moment)
            if not ended.was_killed:
                expect_success(ended)
                return killed
            killed += 1

    def _run(self, folder: Path, moment: int) -> Ended:
        seed = self._random.randrange(10**6)
        victim = (str(moment), str(seed), "moments", self._program.module)
        arguments = (*victim, *self._program.arguments)
        return finish(start("scripts.torture.victim", arguments, folder))

    def _prepare(self, name: str) -> Path:
        place = self._workshop.place(f"{self._name}-{name}")
        if self._program is EXTRACT:  # it changes the root
            shutil.copytree(self._workshop.root, place / "data")
        elif self._program is TRAIN:
            (place / "data").symlink_to(self._workshop.root)
        return place
