"""Runs on a cluster of ``dask.distributed``.

Dask orders the tasks, tries again what died with a worker, and knows what it has in memory. The driver here listens:
to what workers tell of tasks (:mod:`leafhold._measure`), to the scheduler's word of workers that are gone, to the
futures of leaves and outputs. What it hears goes into the native half's book (``Ledger``), which makes exactly one
terminal event per planned task of it, whatever comes late, twice, or never. The book also says what to send: all tasks
at once, but for those below a limit, whose first partitions may have enough rows.

All of it happens on one thread per run, and so do the calls of observers: the client's loop never waits for them.
"""

from __future__ import annotations

import queue
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any

import distributed
import pyarrow as pa

from . import _leafhold
from ._arrow import concat
from ._cluster import ClusterRun, is_of
from ._dask import is_open, settle
from ._events import events_of
from ._report import RunReport
from ._run import Observers, Run, with_report
from ._text import encodable
from ._work import WorkObserver
from .errors import ComputeError, FutureError, FutureLostError, LeafholdError, RunCancelledError

#: How long, in seconds, what runs when a run stops may take to say how it ended. Tasks look whether they are still
#: wanted between two batches; one that reads a slow object of somebody else's does not.
PATIENCE = 2.0

#: How often, in seconds, a run looks whether its client is still open.
_LOOK = 0.2


class DaskRun(Run):
    """A plan on a cluster."""

    __slots__ = ("_driver",)

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        # The thread knows the driver, and not this: when nobody has this any more, nobody wants the result.
        weakref.finalize(self, self._driver.cancel)
        self._driver.start()

    def cancel(self) -> None:
        self._driver.cancel()

    def _wait(self, seconds: float) -> bool:
        return self._driver.over.wait(seconds)

    def _report(self) -> RunReport:
        return self._driver.report

    def _result(self) -> pa.Table:
        error = self._driver.error
        if error is None:
            return self._driver.table
        if isinstance(error, LeafholdError):
            # Another object each time: what is raised holds the frames that it goes through.
            failure = error.again()
            raise failure from failure.__cause__
        raise error


class Driver:
    """The driver's side of one run."""

    def __init__(
        self,
        expr: _leafhold.Expr,
        client: distributed.Client,
        observers: Observers,
        retries: int,
        work_observers: dict[str, WorkObserver],
    ) -> None:
        self.client, self.observers, self.retries = client, observers, retries
        self.cluster = ClusterRun(expr, client, work_observers)
        self.ledger = self.cluster.graph.ledger(retries)
        #: The keys of the tasks that were sent, and which tasks they are. What is heard of others is another run's.
        self.tasks: dict[str, int] = {}
        #: How many tasks the cluster runs at a time; asked for where it matters.
        self.width = 1
        #: What is heard and not yet dealt with: a kind, and words.
        self.heard: queue.SimpleQueue[tuple] = queue.SimpleQueue()
        self.over = threading.Event()
        self.workers: set[str] = set()
        #: Outputs that are not there yet; and whether they are being fetched.
        self.left = 0
        self.fetching = False
        self.cancelled = False
        #: Which life of the client's the run belongs to, and whether its scheduler was lost.
        self.generation = client.generation
        self.disconnected = False
        #: When, if ever, the run is to be over although something has not said how it ended.
        self.deadline: float | None = None
        self.table: pa.Table | None = None
        self.error: BaseException | None = None
        self.report: RunReport
        self.began, self.started_unix = time.monotonic_ns(), time.time_ns()

    def start(self) -> None:
        """Sends the tasks, and listens."""
        threading.Thread(target=self._live, name="leafhold-run", daemon=True).start()

    def cancel(self) -> None:
        """Asks the run to stop; more than once, or after the end, that does nothing."""
        self.hear("cancel")

    # What others' threads call. They only leave word.

    def wants(self, key: str) -> bool:
        return key in self.tasks

    def hear(self, kind: str, *said: Any) -> None:
        self.heard.put((kind, *said))

    # The run's own thread.

    def _live(self) -> None:
        events = events_of(self.client)
        try:
            self.observers.on_submit(len(self.cluster.graph.keys), self.ledger.stages())
            events.add(self)
            try:
                self._submit()
                self._drive()
            finally:
                events.remove(self)
        except BaseException as error:
            # Whatever it is, whoever waits for the run is to see it.
            self.error = self.error or error
        finally:
            try:
                self._close()
            finally:
                self.over.set()

    def _submit(self) -> None:
        try:
            self.cluster.resolve()
        except LeafholdError as error:
            # A leaf's data are gone: nothing is sent.
            self.error = error
            if self.cluster.broken is not None:
                self._no_data(self.cluster.broken, error)
            self.ledger.cancel(self._now())
            return
        if self.ledger.has_limits:
            self.width = sum(self.client.nthreads().values())
            if self.cluster.is_under_way():
                self.ledger.hold_nothing_back()
        self.left = len(set(self.cluster.graph.outputs))
        self._send()
        for generation, (_, _, future) in self.cluster.leaves().items():
            # By number: what waits for a future must not hold it.
            future.on_done(_leave_word(self.heard, "leaf", generation))

    def _send(self) -> None:
        """Sends what the book wants sent by now, and drops what it does not want any more."""
        sendable = self.ledger.take_sendable(self.width, self._now())
        if sendable:
            keys = self.cluster.graph.keys
            self.tasks.update((keys[task], task) for task, _ in sendable)
            for kind, task, future in self.cluster.send(sendable, self.retries):
                self.client.loop.add_callback(_watch, future._state, self.heard, kind, task)
        for task in self.ledger.take_unneeded():
            self.cluster.drop(task)

    def _drive(self) -> None:
        """Listens until the result is here, or the run has stopped. Rows may be lost until they are fetched, and are then made
        again."""
        while self.table is None and not self._has_stopped():
            if self.left == 0 and not self.fetching:
                self.fetching = True
                self.cluster.fetch(lambda tables, error: self.hear("fetched", tables, error))
            try:
                kind, *said = self.heard.get(timeout=_LOOK)
            except queue.Empty:
                kind, said = "nothing", []
            getattr(self, f"_on_{kind}")(*said)
            if self.ledger.has_limits:
                self._send()
            self._tell()

    def _has_stopped(self) -> bool:
        cut_off = self._cut_off()
        if cut_off is not None:
            # Nothing more will be heard.
            kind, words = cut_off
            self.error = self.error or FutureLostError(words, engine=f"dask:{self.client.id}")
            self.ledger.give_up((kind, words, None), True, self._now())
        if not self.ledger.is_stopping:
            # Every task may have ended well, and its rows be lost before they are fetched or meanwhile, or not be wanted any
            # more.
            return self.error is not None and (self.fetching or self.ledger.is_over)
        if self.deadline is None:
            self.deadline = time.monotonic() + PATIENCE
        if self.error is None and time.monotonic() < self.deadline:
            # A task has failed, and the cluster is about to say so of an output.
            return False
        if self.cluster.is_wanted:
            # Nobody wants the other tasks any more: Dask stops what has not begun, and `_measure` what has.
            self.cluster.let_go()
        return self.ledger.is_over or time.monotonic() >= self.deadline

    def _cut_off(self) -> tuple[str, str] | None:
        """Why nothing more will be heard of any task, if that is so: as a kind of error, and in words."""
        if not is_open(self.client):
            return "client-closed", "the client was closed while the run was under way"
        if self.client.generation != self.generation:
            return "client-restarted", "the client was restarted while the run was under way"
        if self.disconnected:
            return "scheduler-lost", "the client lost the connection to its scheduler while the run was under way"
        return None

    def _on_nothing(self) -> None:
        pass

    def _on_cancel(self) -> None:
        if not self.cancelled and self.error is None:
            self.cancelled = True
            self.error = RunCancelledError("the run was cancelled")
            self.ledger.cancel(self._now())

    def _on_task(self, word: dict[str, Any], heard: int) -> None:
        task = self.tasks[word["key"]]
        self.workers.add(word["address"])
        # The best estimate so far: the first word may have waited long for the client. The word of the end has both times, and
        # so the exact difference.
        offset = events_of(self.client).offsets[word["clock"]]
        word = word | {"worker": word["thread"]}
        for time_of in ("started", "ended"):
            if time_of in word:
                # What was under way before, for another run, counts from the beginning of this one.
                word[time_of] = max(0, word[time_of] + offset - self.began)
        now = heard - self.began
        if word["what"] == "started":
            self.ledger.started(task, word, now)
        else:
            self.ledger.answered(task, word, now)

    def _on_worker(self, worker: str, cause: str, lost: Iterable[Any]) -> None:
        now = self._now()
        self.ledger.worker_lost(worker, cause, now)
        for task in sorted({self.tasks[key] for key in map(_task_key, lost) if key in self.tasks}):
            self.ledger.rows_lost(task, worker, cause, now)

    def _on_leaf(self, generation: str) -> None:
        handle, read, future = self.cluster.leaves()[generation]
        problem = future.problem()
        if problem is None:
            self.ledger.future(handle, None, False, self._now())
            return
        self._note_disconnection(problem.__cause__)
        if self._cut_off() is not None:
            return
        # Law L5: nobody has to wait until it reaches an output. What no limit needs is nobody's loss. Of a task that made the
        # run stop an output is about to say why; that its data are lost is the better word.
        stopped = self.ledger.is_stopping and isinstance(problem, FutureLostError)
        if self._no_data(handle, problem.again(read.leaf, read.partition)) or stopped:
            self.error = self.error or problem.again(read.leaf, read.partition)

    def _no_data(self, handle: _leafhold.FutureHandle, error: LeafholdError) -> bool:
        kind = f"future-{error.kind}" if isinstance(error, FutureError) else type(error).__name__
        lost = isinstance(error, FutureLostError)
        return self.ledger.future(handle, _told(kind, error), lost, self._now())

    def _on_source(self, task: int, status: str, error: BaseException | None) -> None:
        """Of a task that some are to read which were not sent yet."""
        if self.cluster.held(task) is None:
            return
        if status == "finished":
            self.ledger.there(task, self._now())
        else:
            self._on_problem(task, error)

    def _on_output(self, task: int, status: str, error: BaseException | None) -> None:
        if status == "finished":
            self.left -= 1
            self.ledger.there(task, self._now())
        else:
            self._on_problem(task, error)

    def _on_fetched(self, tables: list[pa.Table], error: BaseException | None) -> None:
        self._note_disconnection(error)
        if error is None:
            self.table = concat(tables, self.cluster.schema)
        elif self._cut_off() is None:
            self.error = self.cluster.explain(error)

    def _on_problem(self, task: int, error: BaseException | None) -> None:
        """A task gives no rows: because of a leaf, of itself, or of what it reads."""
        self._note_disconnection(error)
        if self.error is not None or self._cut_off() is not None:
            return
        for generation, (_, _, future) in self.cluster.leaves().items():
            problem = future.problem()
            if problem is not None and is_of(error, problem):
                self._on_leaf(generation)
        self.error = self.error or self.cluster.explain(error)
        killed = isinstance(error, distributed.KilledWorker)
        culprit = self.tasks.get(_task_key(error.task)) if killed else None
        if culprit is not None:
            self.ledger.task_lost(culprit, _told("worker-lost", self.error), self._now())
        else:
            self.ledger.failed(task, _told(type(self.error).__name__, self.error), self._now())

    def _note_disconnection(self, error: BaseException | None) -> None:
        # Dask has given up all futures of the client then.
        self.disconnected = self.disconnected or getattr(error, "reason", None) == "scheduler-connection-lost"

    def _tell(self) -> None:
        for event in self.ledger.take_events():
            self.observers.on_event(event)

    def _now(self) -> int:
        return time.monotonic_ns() - self.began

    def _close(self) -> None:
        """Gives up what has not said how it ended, closes the book, and lets go of everything."""
        now = self._now()
        if not self.ledger.is_over:
            if self.error is None:
                silent = ("not-needed", "the result was there before it said how it ended", None)
            else:
                silent = ("no-answer", f"it was told to stop, and had not said how it ended after {PATIENCE:g} s", None)
            self.ledger.give_up(silent, False, now)
        events, native = self.ledger.close(self.started_unix, now, len(self.workers))
        self.report = RunReport(native)
        if self.error is None and self.table is None:
            self.error = ComputeError(_first_error(self.report) or "the run ended without a result")
        if self.error is not None:
            self.error = with_report(self.error, self.report)
        for event in events:
            self.observers.on_event(event)
        try:
            self.cluster.release()
            # A failed task would otherwise be found under its key by the next run.
            settle(self.client)
        except Exception as error:
            if is_open(self.client):
                self.error = self.error or with_report(error, self.report)
        self.observers.on_finish(native)


async def _watch(state: Any, heard: queue.SimpleQueue, kind: str, task: int) -> None:
    """Leaves word when a task's rows are there, or never will be. ``lost`` passes: Dask makes it again."""
    while state.status in ("pending", "lost"):
        await state.wait()
    heard.put((kind, task, state.status, state.exception))


def _leave_word(heard: queue.SimpleQueue, *said: Any) -> Any:
    return lambda: heard.put(said)


def _told(kind: str, error: BaseException) -> tuple[str, str, None]:
    """An error as the book takes it."""
    return encodable(kind), encodable(str(error)), None


def _first_error(report: RunReport) -> str | None:
    messages = (
        event["error"]["message"] for event in report if event["state"] in ("failed", "lost") and "error" in event
    )
    return next(messages, None)


def _task_key(key: Any) -> str:
    """The task that a port belongs to, or another name."""
    return str(key).partition("-again-")[0].partition("-port-")[0]
