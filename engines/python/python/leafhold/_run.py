"""Runs: plans under way, and what became of them."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from . import _leafhold
from ._report import RunReport
from .errors import LeafholdError

_log = logging.getLogger("leafhold")
_log.addHandler(logging.NullHandler())

#: How long, in seconds, a wait goes on before it looks whether somebody pressed Ctrl-C.
_SIGNALS = 0.05


class Observers:
    """Callables that watch a run, in the driver. One that raises harms nobody; the logger ``leafhold`` says so."""

    __slots__ = ("submit", "event", "finish")

    def __init__(
        self,
        on_submit: Callable[[dict[str, Any]], None] | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        on_finish: Callable[[RunReport], None] | None = None,
        progress: bool = False,
    ) -> None:
        from ._progress import Progress

        bar = Progress() if progress else None
        self.submit = [call for call in (on_submit, bar and bar.on_submit) if call is not None]
        self.event = [call for call in (on_event, bar and bar.on_event) if call is not None]
        self.finish = [call for call in (on_finish, bar and bar.on_finish) if call is not None]

    def on_submit(self, tasks: int, stages: list[str]) -> None:
        """A run begins: ``{"tasks": .., "stages": [..]}``."""
        if self.submit:
            _call(self.submit, {"tasks": tasks, "stages": [json.loads(stage) for stage in stages]})

    def on_event(self, event: str) -> None:
        """A task came to its end."""
        if self.event:
            _call(self.event, json.loads(event))

    def on_finish(self, report: _leafhold.Report) -> None:
        """The run is over."""
        if self.finish:
            _call(self.finish, RunReport(report))


def _call(observers: list[Callable[[Any], None]], word: Any) -> None:
    for observer in observers:
        try:
            observer(word)
        except Exception:
            # As text: a handler that keeps the record is not to keep the frames, and what these hold.
            _log.error("an observer of a run raised\n%s", traceback.format_exc())


class Run:
    """A plan under way: what :meth:`Frame.run` gives, at once.

    A run owns what it needs of the frame's futures until it is over. When nobody wants it any more, it is cancelled.

    >>> import leafhold as lh, pyarrow as pa
    >>> run = lh.sql("select sum(a) as total from t", t=pa.table({"a": [1, 2, 3]})).run()
    >>> run.result().to_pydict()
    {'total': [6]}
    >>> run.done(), run.report.states
    (True, {'ok': 1})
    """

    __slots__ = ("__weakref__",)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for the end, at most ``timeout`` seconds; whether it has come. It raises nothing of the run's."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _SIGNALS if deadline is None else min(_SIGNALS, deadline - time.monotonic())
            # Between two of these, Python looks for signals.
            if self._wait(max(left, 0.0)):
                return True
            if left <= 0.0:
                return False

    def done(self) -> bool:
        """Whether the run is over."""
        return self._wait(0.0)

    def result(self, timeout: float | None = None) -> pa.Table:
        """Waits for the end, and gives the rows.

        Raises why there are none, a :class:`~leafhold.LeafholdError` with the ``report`` inside; or ``TimeoutError``,
        when the run is not over in ``timeout`` seconds, and goes on.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"the run is not over after {timeout} s")
        return self._result()

    @property
    def report(self) -> RunReport:
        """What happened, task by task, however the run ended. Waits for the end."""
        self.wait()
        return self._report()

    def cancel(self) -> None:
        """Asks every task to stop before its next batch, and returns at once. The result is then a
        :class:`~leafhold.RunCancelledError`; what runs on a cluster for others goes on."""
        raise NotImplementedError

    def _wait(self, seconds: float) -> bool:
        raise NotImplementedError

    def _result(self) -> pa.Table:
        raise NotImplementedError

    def _report(self) -> RunReport:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<leafhold.Run {self._report()!r}>" if self.done() else "<leafhold.Run under way>"


def with_report(error: BaseException, report: RunReport) -> BaseException:
    """The error, with what happened inside (law T3)."""
    try:
        error.report = report  # type: ignore[attr-defined]
    except AttributeError:
        if not isinstance(error, LeafholdError):
            error.add_note(report.to_text()) if hasattr(error, "add_note") else None
    return error
