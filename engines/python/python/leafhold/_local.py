"""Runs on threads of this process."""

from __future__ import annotations

import os
import pyarrow as pa

from . import _leafhold
from ._futures import LiveFuture, live_future
from ._report import RunReport
from ._run import Observers, Run, with_report
from ._work import Watched, WorkObserver
from .errors import FutureError, LeafholdError


class _Causes:
    """What the computations of the leaves' futures raised, by their generations: the native half has only words for it,
    leaves may share a name, and futures a key.

    It lets go of the futures when the run is over.
    """

    def __init__(self, expr: _leafhold.Expr, observers: Observers) -> None:
        self.observers = observers
        self.futures: dict[str, LiveFuture] = {
            handle.generation: live_future(handle) for _, _, handle in expr.futures()
        }
        self.raised: dict[str, BaseException] = {}

    def on_finish(self, report: _leafhold.Report) -> None:
        futures, self.futures = self.futures, {}
        self.raised = {which: future.cause for which, future in futures.items() if future.cause is not None}
        self.observers.on_finish(report)


class LocalRun(Run):
    """A run of Leafhold's own executor."""

    __slots__ = ("_native", "_causes")

    def __init__(
        self,
        expr: _leafhold.Expr,
        observers: Observers,
        threads: int | None,
        retries: int,
        memory_limit: int | None,
        work_observers: dict[str, WorkObserver],
    ) -> None:
        self._causes = _Causes(expr, observers)
        self._native = expr.start(
            threads or os.cpu_count() or 1,
            retries,
            memory_limit,
            observers.on_submit if observers.submit else None,
            observers.on_event if observers.event else None,
            self._causes.on_finish,
            [(name, Watched(observer)) for name, observer in work_observers.items()],
        )

    def cancel(self) -> None:
        self._native.cancel()

    def _wait(self, seconds: float) -> bool:
        return self._native.wait(seconds)

    def _report(self) -> RunReport:
        return RunReport(self._native.report())

    def _result(self) -> pa.Table:
        try:
            return self._native.result()
        except FutureError as error:
            cause = self._causes.raised.get(self._native.broken())
            if isinstance(cause, LeafholdError):
                failure = with_report(cause.again(error.leaf, error.partition), self._report())
                raise failure from failure.__cause__
            raise with_report(error, self._report()) from cause
        except LeafholdError as error:
            raise with_report(error, self._report())
