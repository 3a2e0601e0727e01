"""Runs to look at: frames whose partitions are still made, a watch over what a run tells, clusters of a test's own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import leafhold as lh
import pytest
from conftest import assert_empty, wait_until
from leafhold._run import Run
from tasks import arrow, same

WANTED = [(0, 24, 4), (1, 12, 2)]
BOTH = pytest.mark.parametrize("executor", ["cluster", "local"])
STATES = {"ok", "failed", "upstream-failed", "cancelled", "lost", "cached", "skipped"}


def executor_of(client: Any, executor: str) -> Any:
    return client if executor == "cluster" else executor


class Watch:
    """Observers that remember what they were told."""

    def __init__(
        self, planned: Callable[[], Any] | None = None, besides: Callable[[Any], Any] | None = None
    ) -> None:
        #: What happens when the run is planned, and nothing was sent yet.
        self.planned = planned
        #: What each observer does with what it was told, when it has noted it.
        self.besides = besides
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
            if self.besides is not None:
                self.besides(word)

        return note

    def check(self, run: Run) -> lh.RunReport:
        """Law T1: one terminal event per planned task, in the report and to observers alike; and what is below a failure, and
        nothing else, says so (law L5)."""
        return self.check_report(run.report)

    def check_report(self, report: lh.RunReport) -> lh.RunReport:
        assert len(self.submitted) == len(self.finished) == 1
        planned = self.submitted[0]["tasks"]
        assert planned == sum(stage["tasks"] for stage in self.submitted[0]["stages"])
        assert [event["task"] for event in report] == list(range(planned))
        assert len(self.events) == planned
        for told, event in zip(sorted(self.events, key=lambda event: event["task"]), report):
            assert_told(told, event)
        assert self.finished[0] == report
        for event in report:
            assert event["state"] in STATES
            if event.get("started_us") is not None:
                # What was given up ended with the run; seconds and microseconds are not rounded alike.
                assert 0 <= event["started_us"] <= event["ended_us"] <= report.wall * 1e6 + 1e-3
            assert event["state"] != "ok" or event["attempt"] >= 1
            assert event["state"] != "cached" or event["attempt"] == 0
            # What did not count is numbered through; of what was skipped although it had begun, nothing counts.
            counts = event["attempt"] > 0 and event["state"] != "skipped"
            assert [attempt["number"] for attempt in event.get("attempts", [])] == list(
                range(1, event["attempt"] + (not counts))
            )
        assert_upstream_failed(report)
        return report


def assert_told(told: dict[str, Any], event: dict[str, Any]) -> None:
    """What an observer heard is what the report says, or an attempt in it whose rows were lost afterwards, and made again."""
    if told == event:
        return
    [lost] = [attempt for attempt in event["attempts"] if attempt["number"] == told["attempt"]]
    assert lost["error"]["kind"] == "rows-lost" and told["state"] == event["state"] == "ok"
    for name in ("worker", "host", "started_us", "ended_us"):
        assert lost[name] == told[name], (told, event)


def below(report: lh.RunReport, tasks: Iterable[int]) -> set[int]:
    """All that reads one of these tasks, directly or not."""
    flows = json.loads(report.to_jsonl().partition("\n")[0])["flows"]
    assert flows["complete"], "too many edges for a report: who reads whom is not known"
    readers: dict[int, list[int]] = {}
    for producer, consumer in flows["pairs"]:
        readers.setdefault(producer, []).append(consumer)
    found: set[int] = set()
    left = list(tasks)
    while left:
        new = set(readers.get(left.pop(), ())) - found
        found |= new
        left += new
    return found


def assert_upstream_failed(report: lh.RunReport) -> None:
    """All that reads what failed or was lost, directly or not, is upstream-failed and has not run; and nothing else is."""
    gone = [event["task"] for event in report if event["state"] in ("failed", "lost")]
    upstream_failed = in_state(report, "upstream-failed")
    # That a task failed by itself says more.
    assert {event["task"] for event in upstream_failed} == (below(report, gone) if gone else set()) - set(gone)
    for event in upstream_failed:
        assert event["attempt"] == 0 and event.get("started_us") is None and not event.get("attempts"), event


def assert_names(
    error: lh.LeafholdError, report: lh.RunReport, leaf: str, partition: int, future: Any, cause: str
) -> None:
    """Law L5: what a run says of a future that gives no data, in its error and in the event of the task that reads it and has
    not run."""
    assert (error.leaf, error.partition, error.key) == (leaf, partition, future.key) and error.report == report
    assert error.engine is not None and error.engine.startswith(f"dask:{future.client.scheduler_info(n_workers=0)['id']}")
    lost = isinstance(error, lh.FutureLostError)
    [reader] = [event for event in report if (event["stage"], event["partition"]) == (0, partition)]
    others = [event for event in report if event["state"] in ("failed", "lost") and event != reader]
    said = [str(error)]
    if lost and reader["state"] == "cancelled":
        # The run was ending already: another reader was lost with the worker that had the data.
        assert others and reader["attempt"] == 0, report.events
    elif lost and reader["error"]["kind"] == "worker-lost":
        # The worker that had the data was about to read them, and is gone as well.
        assert (reader["state"], reader["attempt"]) == ("lost", 1)
    else:
        kind = {"FutureFailedError": "failed", "FutureCancelledError": "cancelled", "FutureLostError": "lost"}
        assert (reader["state"], reader["error"]["kind"]) == (
            "lost" if lost else "failed",
            f"future-{kind[type(error).__name__]}",
        )
        assert reader["attempt"] == 0 and reader.get("started_us") is None, reader
        said.append(reader["error"]["message"])
    for words in said:
        for part in (f"leaf `{leaf}`, partition {partition}", future.key, error.engine, cause):
            assert part in words, f"{words!r} should name {part!r}"
    # Nothing else failed; what was lost beside it was on the same worker.
    assert all(lost and event["error"]["kind"] == "worker-lost" for event in others), others


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
def small_cluster(
    workers: int = 2, threads: int = 1, memory_limit: Any = "auto", **config: Any
) -> Iterator[Any]:
    """A client of a cluster of a test's own, on which nothing of Leafhold's is left at the end."""
    import dask.config
    from distributed import Client, LocalCluster

    with (
        dask.config.set({f"distributed.scheduler.{name.replace('_', '-')}": value for name, value in config.items()}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=True,
            dashboard_address=":0",
            memory_limit=memory_limit,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(workers, timeout=60)
        yield client
        assert_empty(client)


# ---- what a run gives ---------------------------------------------------------------------------------------------


def reads(folder: Path) -> dict[int, list[int]]:
    """The processes that are reading, by partition."""
    found: dict[int, list[int]] = {}
    for entry in folder.glob("reads-*"):
        _, part, pid, _ = entry.name.split("-")
        found.setdefault(int(part), []).append(int(pid))
    return found


def holders(client: Any, run: Any, task: int) -> set[str]:
    """The workers that have rows of a task."""
    [key] = [key for key, number in run._driver.tasks.items() if number == task]
    return {worker for name, workers in client.who_has().items() if str(name).startswith(key) for worker in workers}


def kill(client: Any, worker: str) -> None:
    """SIGKILL to a worker, of which the scheduler then knows."""
    pid = client.run(os.getpid, workers=[worker])[worker]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: worker not in client.scheduler_info(n_workers=-1)["workers"])


def slow_future(seconds: float) -> Future:
    future: Future = Future()
    threading.Timer(seconds, future.set_result, [arrow(0)]).start()
    return future
