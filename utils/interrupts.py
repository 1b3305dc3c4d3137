"""Stopping at a safe point: Ctrl-C and SIGTERM ask, the loop decides when."""

import signal
from types import TracebackType


class StopRequest:
    """While active, the first Ctrl-C or SIGTERM sets `asked`; a second one stops at once.

        with StopRequest() as stop:
            for batch in batches:
                step(batch)
                if stop.asked:
                    save()
                    break

    Only works in the main thread, as Python's signals do.
    """

    signals = (signal.SIGINT, signal.SIGTERM)

    def __init__(self):
        self.asked = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        self._before = {number: signal.signal(number, self._ask) for number in self.signals}
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
