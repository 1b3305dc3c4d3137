"""Java at its worst: killed, stopped, not there; what was decoded before is never lost."""

import json
import os
import shutil
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

from scripts.torture.outcome import NotHereError, Outcome, TortureError, attempt
from scripts.torture.programs import Workshop, expect_one_line, expect_success, finish, start

SILENCE = "20"  # seconds after which a Java that does nothing counts as hung; METEOR loads in ten
ROWS = 4000  # METEOR works on them long enough to be caught
PATIENCE = 120.0


def trouble_java(workshop: Workshop) -> list[Outcome]:
    """Scores predictions while Java is killed, stopped, or missing."""
    return [
        attempt("java", "Java killed in METEOR", partial(_signal_java, workshop, signal.SIGKILL)),
        attempt("java", "Java stopped in METEOR", partial(_signal_java, workshop, signal.SIGSTOP)),
        attempt("java", "more words than a pipe holds", partial(_fill_pipe, workshop)),
        attempt("java", "no Java", partial(_take_java, workshop)),
    ]


def _signal_java(workshop: Workshop, number: int) -> None:
    """One line says that it died, or did nothing, and what may help."""
    place = _place(workshop, f"java-{number}")
    process = start("scripts.score", _flags(), place)
    try:
        os.kill(_find_meteor(process), number)
    finally:
        ended = finish(process)
    died = "ended" if number == signal.SIGKILL else f"did nothing for {SILENCE} seconds"
    expect_one_line(ended, died, "java -version")


def _fill_pipe(workshop: Workshop) -> None:
    """Both directions at once: thousands of rows of hundreds of words."""
    _need_java()
    place = _place(workshop, "java-pipe", words=200)
    expect_success(
        finish(start("scripts.score", ["predictions.jsonl", "--tokenizer", "ptb"], place))
    )


def _take_java(workshop: Workshop) -> None:
    """One line says what to install."""
    place = _place(workshop, "java-none")
    empty = place / "bin"
    empty.mkdir()
    process = start("scripts.score", _flags(), place, PATH=str(empty))
    expect_one_line(finish(process), "needs Java", "apt-get install")


def _flags() -> list[str]:
    return ["predictions.jsonl", "--tokenizer", "none", "--java_timeout", SILENCE]


def _place(workshop: Workshop, name: str, words: int = 12) -> Path:
    place = workshop.place(name)
    text = " ".join(f"word{number % 17}" for number in range(words))
    with open(place / "predictions.jsonl", "w", encoding="utf-8") as file:
        for row in range(ROWS if words < 100 else ROWS // 10):
            said = {"id": row, "prediction": text, "references": [f"{text} {row}"]}
            file.write(json.dumps(said) + "\n")
    return place


def _need_java() -> None:
    if shutil.which("java") is None:
        raise NotHereError("there is no java")


def _find_meteor(process: subprocess.Popen) -> int:
    """The Java process of METEOR below a process, once it is there."""
    _need_java()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes()
                parent = (path.parent / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue  # it has just ended
            if b"meteor" in command and int(parent) == process.pid:
                return int(path.parent.name)
        time.sleep(0.01)
    raise TortureError("METEOR was never started")
