"""Talks lines with a Java program, and never waits for one that has died or hangs."""

import os
import selectors
import shutil
import signal
import subprocess
import tempfile
from types import TracebackType

from utils.errors import UserError

# Under a minute, so that a hang is reported within one. Only silence counts, not slow work:
# METEOR needs about ten seconds to load its paraphrases and then answers every few milliseconds.
TIMEOUT = 50.0
CHUNK = 1 << 16
# A system in another language or a C locale must change neither letters nor lower case (Turkish).
LOCALE = (
    "-Dfile.encoding=UTF-8",
    "-Dstdout.encoding=UTF-8",
    "-Duser.language=en",
    "-Duser.country=US",
)


class JavaProgram:
    """A running Java program that reads lines and writes lines, for use in a `with` statement.

    Reading and writing share one loop, so that no full pipe can stop both sides. Leaving the `with`
    statement ends the program and everything that it started, whatever happened.

    Args:
        arguments: what follows `java` on the command line.
        purpose: what the program is for, as error messages name it ("METEOR").
        timeout: seconds without any byte going in or out after which the program counts as hung.
    """

    def __init__(self, arguments: list[str], purpose: str, timeout: float = TIMEOUT) -> None:
        self._command = [find_java(purpose), *LOCALE, *arguments]
        self._purpose = purpose
        self._timeout = timeout
        self._unread = b""  # what came after the last answer

    def __enter__(self) -> "JavaProgram":
        # A file, because nobody empties a pipe of warnings while the program runs.
        self._warnings = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._warnings,
                bufsize=0,
                start_new_session=True,  # its own group: children end with it
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )
        except OSError as error:
            self._warnings.close()
            raise UserError(
                f"cannot start {self._command[0]} for {self._purpose}: {error}"
            ) from error
        os.set_blocking(self._process.stdin.fileno(), False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Before `wait`, while the process id cannot belong to anybody else.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._warnings.close()

    def ask(self, lines: list[str], answers: int, last: bool = False) -> list[str]:
        """Sends lines, each ended by a newline, and returns the given number of answers.

        Args:
            lines: without newlines.
            answers: how many lines the program answers in all.
            last: nothing will follow: the program sees the end of its input, and must end its
                output after exactly these answers.

        Raises:
            UserError: the program ended early, answered too much, or was silent for longer than
                the timeout.
        """
        unsent = memoryview("".join(line + "\n" for line in lines).encode("utf-8", "replace"))
        output, found, ended = [self._unread], self._unread.count(b"\n"), False
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            selector.register(self._process.stdin, selectors.EVENT_WRITE)
            while found < answers or (last and not ended):
                ready = self._wait(selector)
                if self._process.stdin in ready:
                    unsent = self._write(unsent)
                    if not unsent:
                        selector.unregister(self._process.stdin)
                        if last:
                            self._process.stdin.close()
                if self._process.stdout in ready:
                    output.append(os.read(self._process.stdout.fileno(), CHUNK))
                    found += output[-1].count(b"\n")
                    ended = not output[-1]
                    self._check_count(found, answers, last, ended)
        *received, self._unread = b"".join(output).split(b"\n", answers)
        return [line.decode("utf-8", "replace").rstrip("\r") for line in received]

    def _check_count(self, found: int, answers: int, last: bool, ended: bool) -> None:
        if ended and found < answers:
            raise self._failure(f"ended after {found:,} of {answers:,} answers")
        if last and found > answers:
            raise self._failure(f"gave more than the {answers:,} answers it was asked for")

    def _wait(self, selector: selectors.BaseSelector) -> set[object]:
        ready = selector.select(self._timeout)
        if not ready:
            raise self._failure(f"did nothing for {self._timeout:g} seconds and was stopped")
        return {key.fileobj for key, _ in ready}

    def _write(self, unsent: memoryview) -> memoryview:
        if not unsent:
            return unsent
        try:
            return unsent[os.write(self._process.stdin.fileno(), unsent[:CHUNK]) :]
        except BlockingIOError:
            return unsent
        except BrokenPipeError:
            raise self._failure("ended before it had read everything") from None

    def _failure(self, what: str) -> UserError:
        size = self._warnings.seek(0, os.SEEK_END)
        self._warnings.seek(max(0, size - CHUNK))
        said = self._warnings.read().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        return UserError(
            f"the Java program for {self._purpose} {what}; "
            + (f'its last words were "{last[:200]}"' if last else "it left no message")
            + "; check that `java -version` works and that memory is free (METEOR takes 2 GB)"
        )


def find_java(purpose: str = "the metrics") -> str:
    """Returns the path of `java`; raises `UserError` saying what to install where there is none."""
    path = shutil.which("java")
    if path is None:
        raise UserError(
            f"{purpose} needs Java, and there is no `java` on the PATH; install it "
            "(Debian or Ubuntu: apt-get install default-jre-headless; conda: openjdk)"
        )
    return path
