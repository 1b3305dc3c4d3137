"""METEOR 1.5 (Denkowski and Lavie 2014) as coco-caption runs it: the authors' jar, English."""

import re
from pathlib import Path

import numpy as np
from pycocoevalcap.meteor import meteor

from utils.errors import UserError
from utils.metrics.java import TIMEOUT, JavaProgram

JAR = Path(meteor.__file__).with_name(meteor.METEOR_JAR)
ARGUMENTS = ["-Xmx2G", "-jar", str(JAR), "-", "-", "-stdio", "-l", "en", "-norm"]
SEPARATOR = " ||| "
_LINE_ENDS = re.compile(r"[\r\n]+")


def meteor_scores(
    predictions: list[str], references: list[list[str]], timeout: float = TIMEOUT
) -> tuple[float, np.ndarray]:
    """Scores captions by METEOR, every caption against its best reference.

    Args:
        predictions: [N] tokens joined by blanks.
        references: [N] lists of at least one reference each.
        timeout: see `JavaProgram`.

    Returns:
        The score of the corpus, from counts added up over captions, and [N] float64 scores of the
        captions.

    Raises:
        UserError: Java is missing, fails or hangs.
    """
    questions = [_question(*row) for row in zip(predictions, references, strict=True)]
    with JavaProgram(ARGUMENTS, "METEOR", timeout) as program:
        counts = program.ask(questions, len(questions))
        for line in counts:
            _numbers(line)
        scores = program.ask([SEPARATOR.join(["EVAL", *counts])], len(counts) + 1)
    *rows, corpus = [_numbers(line)[0] for line in scores]
    return corpus, np.array(rows)


def _question(prediction: str, references: list[str]) -> str:
    return SEPARATOR.join(["SCORE", *map(_clean, references), _clean(prediction)])


def _clean(text: str) -> str:
    """Removes what the protocol uses: line ends, and the separator (as pycocoevalcap does)."""
    return _LINE_ENDS.sub(" ", text).replace("|||", "").replace("  ", " ")


def _numbers(line: str) -> list[float]:
    try:
        numbers = [float(number) for number in line.split()]
    except ValueError:
        numbers = []
    if not numbers:
        raise UserError(
            f'METEOR answered "{line[:100]}" where numbers were expected; '
            "check that `java` on the PATH is a Java runtime and reinstall pycocoevalcap"
        )
    return numbers
