"""Runs to look at: frames whose partitions are still made, a watch over what a run tells, clusters of a test's own."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import leafhold as lh
import pytest
from leafhold._run import Run
from tasks import arrow, same

WANTED = [(0, 24, 4), (1, 12, 2)]
BOTH = pytest.mark.parametrize("executor", ["cluster", "local"])
STATES = {"ok", "failed", "upstream-failed", "cancelled", "lost", "cached", "skipped"}


def executor_of(client: Any, executor: str) -> Any:
    return client if executor == "cluster" else executor


class Watch:
    """Observers that remember what they were told."""

    def __init__(self, planned: Callable[[], Any] | None = None) -> None:
        #: What happens when the run is planned, and nothing was sent yet.
        self.planned = planned
        self.submitted: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.finished: list[lh.RunReport] = []
        self.threads: set[int] = set()

    def run(self, frame: lh.Frame, executor: Any, **options: Any) -> Run:
        return frame.run(
            executor,
            on_submit=self._submit,
            on_event=self._note(self.events),
            on_finish=self._note(self.finished),
            **options,
        )

    def _submit(self, word: dict[str, Any]) -> None:
        self._note(self.submitted)(word)
        if self.planned is not None:
            self.planned()

    def _note(self, notes: list[Any]) -> Any:
        def note(word: Any) -> None:
            self.threads.add(os.getpid())
            notes.append(word)

        return note

    def check(self, run: Run) -> lh.RunReport:
        """Law T1: one terminal event per planned task, in the report and to observers alike."""
        report = run.report
        assert len(self.submitted) == len(self.finished) == 1
        planned = self.submitted[0]["tasks"]
        assert planned == sum(stage["tasks"] for stage in self.submitted[0]["stages"])
        assert [event["task"] for event in report] == list(range(planned))
        assert sorted(self.events, key=lambda event: event["task"]) == report.events
        assert self.finished[0] == report
        for event in report:
            assert event["state"] in STATES
            if event.get("started_us") is not None:
                assert 0 <= event["started_us"] <= event["ended_us"] <= report.wall * 1e6
            assert event["state"] != "ok" or event["attempt"] >= 1
            assert event["state"] != "cached" or event["attempt"] == 0
            # What did not count is numbered through; of what was skipped although it had begun, nothing counts.
            counts = event["attempt"] > 0 and event["state"] != "skipped"
            assert [attempt["number"] for attempt in event.get("attempts", [])] == list(
                range(1, event["attempt"] + (not counts))
            )
        return report


def in_state(report: lh.RunReport, state: str) -> list[dict[str, Any]]:
    return [event for event in report if event["state"] == state]


def lazy_frame(client: Any, executor: str, values: list[Any], name: str = "t") -> lh.Frame:
    """A frame over values that are tables only when a task reads them."""
    if executor == "cluster":
        futures = client.map(same, values, pure=False)
    else:
        futures = []
        for value in values:
            future: Future = Future()
            future.set_result(value)
            futures.append(future)
    return lh.from_futures(futures, schema=arrow(0), name=name)


@contextlib.contextmanager
def small_cluster(workers: int = 2, **config: Any) -> Iterator[Any]:
    import dask.config
    from distributed import Client, LocalCluster

    with (
        dask.config.set({f"distributed.scheduler.{name.replace('_', '-')}": value for name, value in config.items()}),
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(workers, timeout=60)
        yield client


# ---- what a run gives ---------------------------------------------------------------------------------------------


def reads(folder: Path) -> dict[int, list[int]]:
    """The processes that are reading, by partition."""
    found: dict[int, list[int]] = {}
    for entry in folder.glob("reads-*"):
        _, part, pid, _ = entry.name.split("-")
        found.setdefault(int(part), []).append(int(pid))
    return found


def slow_future(seconds: float) -> Future:
    future: Future = Future()
    threading.Timer(seconds, future.set_result, [arrow(0)]).start()
    return future
