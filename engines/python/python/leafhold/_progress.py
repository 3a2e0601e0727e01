"""A line that says how far a run is."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from ._report import RunReport

_WIDTH = 30

#: The least seconds between two looks of the line.
_PAUSE = 0.1


class Progress:
    """A progress bar on standard error, in a terminal as in a notebook: tasks that have come to their end, and what of
    them is worth a word."""

    def __init__(self, file: Any = None) -> None:
        self.file = sys.stderr if file is None else file
        self.tasks, self.ended, self.bad = 0, 0, 0
        self.stage = ""
        self.drawn = float("-inf")
        self.lock = threading.Lock()

    def on_submit(self, submitted: dict[str, Any]) -> None:
        self.tasks = submitted["tasks"]
        self._draw()

    def on_event(self, event: dict[str, Any]) -> None:
        with self.lock:
            self.ended += 1
            self.bad += event["state"] in ("failed", "lost")
            self.stage = event["label"]
            if time.monotonic() - self.drawn >= _PAUSE or self.ended == self.tasks:
                self._draw()

    def on_finish(self, report: RunReport) -> None:
        states = ", ".join(f"{count} {state}" for state, count in report.states.items())
        self._write(f"{self._bar()} {report.wall:.2f} s: {states or 'no tasks'}\n")

    def _draw(self) -> None:
        self.drawn = time.monotonic()
        bad = f", {self.bad} failed" if self.bad else ""
        self._write(f"{self._bar()} {self.ended} of {self.tasks} tasks{bad}  {self.stage[:40]}")

    def _bar(self) -> str:
        full = _WIDTH * self.ended // self.tasks if self.tasks else _WIDTH
        return f"[{'#' * full}{'.' * (_WIDTH - full)}]"

    def _write(self, line: str) -> None:
        self.file.write(f"\r\x1b[K{line}")
        self.file.flush()
