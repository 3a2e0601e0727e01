"""What happened in a run."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from os import PathLike
from typing import TYPE_CHECKING, Any

from . import _leafhold

if TYPE_CHECKING:
    import pandas as pd

#: The times of an event; JSON has them in microseconds from the start of the run.
_TIMES = ("submitted", "ready", "started", "ended", "transfer")


class RunReport:
    """What happened in a run: exactly one event per planned task, whether it ran or not.

    A run has one however it ended, and the error that it raised carries it, too (``error.report``). It holds no rows
    and no futures, and survives pickling.

    >>> import leafhold as lh, pyarrow as pa
    >>> run = lh.sql("select k, sum(v) as v from t group by k", t=pa.table({"k": [1, 1, 2], "v": [1, 2, 4]})).run()
    >>> report = run.report
    >>> report.is_ok, report.states
    (True, {'ok': ...})
    >>> {event["state"] for event in report}
    {'ok'}
    >>> len(report) == len(list(report)) == len(report.to_pandas())
    True
    """

    __slots__ = ("_native", "_events")

    def __init__(self, native: _leafhold.Report) -> None:
        self._native = native
        self._events: list[dict[str, Any]] | None = None

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events, by task. Each is a dict as in :meth:`to_jsonl`.

        ``task``, ``stage``, ``partition``, ``label``; ``state`` (``ok``, ``failed``, ``upstream-failed``, ``cancelled``,
        ``lost``, ``cached``, ``skipped``); ``worker`` (on a cluster its address, and behind it the number of the thread, but
        of its first one), ``host``, ``attempt`` and earlier ``attempts``, which may have lost their worker (``worker-lost``) or
        their rows with it (``rows-lost``); times in microseconds from the start of the run,
        taken where the task ran (``submitted_us``, ``ready_us``, ``started_us``, ``ended_us``, ``transfer_us``), where what a
        cluster was running already, for another run of the same work, has started with this run, at 0; ``rows``,
        ``bytes_in``, ``bytes_out``; ``error`` with ``kind``, ``message`` and, as text, the remote ``trace``. What does not
        apply may be missing.

        ``observed`` has what the run's ``work_observers`` said of it, by name; attempts that did not count have theirs.

        ``peak_memory``, on workers that run on Linux, is the most bytes that the worker's process had resident while
        the task ran, with all that it holds besides. It is missing for tasks that ran at the same time in one process:
        no figure would be that of one of them. Threads of this process share its memory, so here there is none.
        ``peak_execution_memory`` is the most bytes that the task's operators held at a time by their own account: rows
        that sorts hold, groups of aggregates, sides that joins hold. It is missing where they held nothing, as filters do.
        ``spilled_bytes`` is what the task's operators wrote to temporary files under a ``memory_limit``; it is missing where
        that is nothing.
        """
        if self._events is None:
            self._events = [json.loads(event) for event in self._native.events()]
        return self._events

    @property
    def is_ok(self) -> bool:
        """Whether every task has its rows, or was not needed."""
        return self._native.is_ok

    @property
    def states(self) -> dict[str, int]:
        """How many tasks ended in each state."""
        return dict(self._native.states())

    @property
    def wall(self) -> float:
        """Seconds from submission to the end."""
        return self._native.wall

    @property
    def started(self) -> datetime:
        """When the run started, by the driver's calendar."""
        return datetime.fromtimestamp(self._native.started, timezone.utc)

    @property
    def workers(self) -> int:
        """How many workers there were: threads here, and on a cluster those that ran something."""
        return self._native.workers

    @property
    def stages(self) -> list[dict[str, Any]]:
        """The stages, by number: ``stage``, ``label``, how many ``tasks``, and the ``nodes`` of the plan that it computes."""
        return [json.loads(stage) for stage in self._native.stages()]

    @property
    def flows(self) -> dict[str, Any]:
        """Which task read which: ``pairs`` of producer and consumer, and whether they are ``complete``. Of more than 10,000,
        there is one per task, from the input that came last, and so many are ``left_out``.

        >>> import leafhold as lh, pyarrow as pa
        >>> query = "select k, count(*) as n from (select k from t union all select k from t) as u group by k"
        >>> report = lh.sql(query, t=pa.table({"k": [1, 2]})).run().report
        >>> report.flows["complete"], all(reader < len(report) for _, reader in report.flows["pairs"])
        (True, True)
        """
        complete, pairs, left_out = self._native.flows()
        return {"complete": complete, "pairs": pairs, "left_out": left_out}

    @property
    def peak_ports(self) -> int | None:
        """The most ports of tasks whose rows were kept for readers at one time; ``None`` where nobody counts them: what is
        kept on a cluster is Dask's affair."""
        return self._native.peak_ports

    @property
    def peak_bytes(self) -> int | None:
        """The most bytes that these rows had at one time; ``None`` where nobody counts them."""
        return self._native.peak_bytes

    @property
    def peak_result_bytes(self) -> int:
        """How much of ``peak_bytes`` is the result, which counts towards no limit of memory."""
        return self._native.peak_result_bytes

    @property
    def spilled_bytes(self) -> int:
        """Bytes that found no room under a ``memory_limit`` and went to files: rows between tasks, and what the operators of
        tasks wrote, in attempts that did not count, too. What the workers of a cluster do with theirs is not counted."""
        return self._native.spilled_bytes

    @property
    def node_rows(self) -> dict[int, int]:
        """Actual rows that a node of the plan gave, over all its tasks, by its number in :attr:`stages`; without those that
        were not counted."""
        return self._native.node_rows

    @property
    def critical_path(self) -> list[int]:
        """The tasks, first to last, that the end of the run waited for."""
        return self._native.critical_path

    @property
    def c_out(self) -> int | None:
        """Actual rows over the outputs of all joins; ``None`` when those of one were not counted."""
        return self._native.c_out

    @property
    def warnings(self) -> list[str]:
        """What went right, but perhaps not as somebody thinks."""
        return self._native.warnings

    def to_text(self) -> str:
        """The report for people: totals, a table by stage, the critical path, and every distinct error."""
        return self._native.to_text()

    def to_jsonl(self, path: str | PathLike[str] | None = None) -> str:
        """JSON lines: one of the run, and one per task. Also written to ``path``, if there is one."""
        return _written(self._native.to_json_lines(), path)

    @classmethod
    def from_jsonl(cls, text: str) -> RunReport:
        """Reads what :meth:`to_jsonl` gave."""
        return cls(_leafhold.Report.from_json_lines(text))

    def to_chrome(self, path: str | PathLike[str] | None = None) -> str:
        """A trace for ``ui.perfetto.dev`` or ``chrome://tracing``. Also written to ``path``, if there is one."""
        return _written(self._native.to_chrome_trace(), path)

    def to_perfetto(self, path: str | PathLike[str] | None = None) -> bytes:
        """The same in Perfetto's own format, for large runs: less than half of the bytes, in less time. Also written to
        ``path``, if there is one, such as ``run.pftrace``."""
        trace = self._native.to_perfetto_trace()
        if path is not None:
            with open(path, "wb") as file:
                file.write(trace)
        return trace

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """One self-contained page: what each worker did, the details of a task at a click, and beside it the plan with
        the rows that each operator gave. Also written to ``path``, if there is one.

        JSON lines have no plan, so neither has the page of a report that was read from them."""
        return _written(self._native.to_html(), path)

    def _repr_html_(self) -> str:
        # A page of its own: its styles and scripts are no business of the notebook's.
        page = html.escape(self.to_html(), quote=True)
        return f'<iframe srcdoc="{page}" sandbox="allow-scripts" width="100%" height="480" style="border: 0"></iframe>'

    def to_pandas(self) -> pd.DataFrame:
        """A row per task, by task: times as ``Timedelta`` from the start of the run, with ``duration`` and ``queued``;
        the error in columns ``error``, ``message`` and ``trace``. ``attempts`` has the list of the earlier ones, dicts as in
        :attr:`events`, empty where there were none: ``["attempts"].str.len()`` counts them, ``.explode("attempts")`` gives
        each a row."""
        import pandas as pd

        rows = []
        for event in self.events:
            error = event.get("error") or {}
            row = {name: event.get(name) for name in ("task", "stage", "partition", "label", "state", "worker", "host")}
            row |= {"attempt": event["attempt"], "attempts": event.get("attempts", [])}
            row |= {name: event.get(f"{name}_us") for name in _TIMES}
            row |= {name: event.get(name) for name in ("rows", "bytes_in", "bytes_out", "peak_memory")}
            row |= {name: event.get(name) for name in ("peak_execution_memory", "observed")}
            row |= {"spilled_bytes": event.get("spilled_bytes", 0)}
            rows.append(
                row | {"error": error.get("kind"), "message": error.get("message"), "trace": error.get("trace")}
            )
        frame = pd.DataFrame(rows)
        if frame.empty:
            return frame
        for name in _TIMES:
            frame[name] = pd.to_timedelta(
                pd.to_numeric(frame[name]).fillna(0 if name == "transfer" else float("nan")), unit="us"
            )
        frame["duration"] = frame["ended"] - frame["started"]
        frame["queued"] = frame["started"] - frame["ready"]
        return frame.set_index("task")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self._native)

    def __getitem__(self, task: int) -> dict[str, Any]:
        return self.events[task]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunReport) and self.to_jsonl() == other.to_jsonl()

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return _read, (self.to_jsonl(), self._native.plan())

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.states.items())
        return f"<leafhold.RunReport {self.wall:.3f} s, {states or 'no tasks'}>"


def _read(text: str, plan: list[tuple[str, int | None]]) -> RunReport:
    return RunReport(_leafhold.Report.from_json_lines(text, plan))


def _written(text: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return text
