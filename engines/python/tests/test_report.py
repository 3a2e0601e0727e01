"""Runs and their reports, on threads of this process and on a cluster: laws T1 to T4, and L5.

Whatever happens to a run, every planned task has exactly one terminal event, the answer is right or the error is named, and
every handle is released once (which `conftest.py` checks after each test).
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import leafhold as lh
import numpy as np
import pyarrow as pa
import pytest
import trace_format
from conftest import TOTALS, collect, rows, totals, wait_until
from leafhold._run import Run
from tasks import Angry, Deadly, Failing, Gated, Large, Slow, Waiting, Witness, arrow, fail, numbers, same

WANTED = [(0, 24, 4), (1, 12, 2)]
BOTH = pytest.mark.parametrize("executor", ["cluster", "local"])

STATES = {"ok", "failed", "upstream-failed", "cancelled", "lost", "cached", "skipped"}


def _of(client: Any, executor: str) -> Any:
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


def _states(report: lh.RunReport, state: str) -> list[dict[str, Any]]:
    return [event for event in report if event["state"] == state]


def _lazy(client: Any, executor: str, values: list[Any], name: str = "t") -> lh.Frame:
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
def _small_cluster(workers: int = 2, **config: Any) -> Iterator[Any]:
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


@BOTH
def test_law_t1_a_run_that_goes_well(client: Any, executor: str) -> None:
    watch = Watch()
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    run = watch.run(frame, _of(client, executor))
    assert rows(run.result()) == rows(run.result()) == WANTED
    report = watch.check(run)
    assert report.is_ok and set(report.states) <= {"ok", "skipped"} and run.done()
    merged = [event for event in report if event["task"] in report.critical_path]
    assert merged and all(event["started_us"] is not None for event in merged)
    # The tasks that give the result have its rows.
    assert sum(event["rows"] for event in report if event["task"] == report.critical_path[-1]) > 0
    assert all(event["bytes_out"] > 0 for event in _states(report, "ok"))
    if executor == "cluster":
        workers = set(client.scheduler_info()["workers"])
        ran = _states(report, "ok")
        # Another thread of a worker has a number behind the address.
        assert {"/".join(event["worker"].split("/")[:3]) for event in ran} <= workers
        assert all(event["host"] for event in ran)
    assert watch.threads == {os.getpid()}


@BOTH
def test_law_t1_many_runs_at_once(client: Any, executor: str) -> None:
    frames = [totals(lh.from_futures(client.map(numbers, range(3), pure=False))) for _ in range(3)]
    watches = [Watch() for _ in range(2 * len(frames))]
    # Two runs of each frame are the same work, under the same keys.
    runs = [watch.run(frames[at // 2], _of(client, executor)) for at, watch in enumerate(watches)]
    for watch, run in zip(watches, runs):
        assert rows(run.result()) == WANTED
        watch.check(run)


def test_law_t1_what_the_cluster_has_already_is_cached(client: Any) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    kept = frame.persist(client)
    assert rows(kept.compute(client)) == WANTED
    watch = Watch()
    run = watch.run(frame, client)
    assert rows(run.result()) == WANTED
    report = watch.check(run)
    assert report.is_ok and not _states(report, "ok") and _states(report, "cached")
    del kept, run, frame
    collect()


@BOTH
def test_law_t2_times_are_taken_where_the_task_runs(client: Any, executor: str) -> None:
    watch = Watch()
    frame = lh.sql("select sum(a) as s from t", t=_lazy(client, executor, [Slow(0, 2.0), arrow(1)]))
    if executor == "local":
        # Here, whoever reads a future reads it before the task starts.
        frame = lh.sql("select sum(a) as s from t", t=lh.from_futures([_slow_future(2.0)], schema=arrow(0)))
    run = watch.run(frame, _of(client, executor))
    run.result()
    report = watch.check(run)
    slept = [event for event in report if event["ended_us"] - event["started_us"] > 1e6]
    if executor == "cluster":
        [event] = slept
        assert 2.0e6 <= event["ended_us"] - event["started_us"] <= 2.2e6
        assert event["ended_us"] <= report.wall * 1e6
    else:
        assert not slept
        [first, *_] = [event for event in report if event.get("ready_us", 0) >= 1.9e6]
        assert first["started_us"] >= first["ready_us"]


def test_law_t2_times_of_other_clocks_are_placed_by_the_shortest_delay() -> None:
    from leafhold._events import Events
    from leafhold._measure import PROTOCOL, clock

    class Nobody:
        pass

    events, skew, found = Events(Nobody()), 10**15, []
    for delay in (5_000_000, 1_000_000, 3_000_000):
        sent = time.monotonic_ns() + skew - delay
        events._task((0.0, {"protocol": PROTOCOL, "clock": "other", "key": "k", "sent": sent}))
        found.append(events.offsets["other"] + skew)
    # Never before it was, and after it by no more than the least delay that was seen.
    assert found[0] >= 5_000_000 and found[0] >= found[1] >= 1_000_000 and found[1] >= found[2] >= 1_000_000
    own = {"protocol": PROTOCOL, "clock": clock(), "key": "k", "sent": time.monotonic_ns()}
    events._task((0.0, own))
    assert events.offsets[clock()] == 0, "the clock of this machine needs no estimate"


def _slow_future(seconds: float) -> Future:
    future: Future = Future()
    threading.Timer(seconds, future.set_result, [arrow(0)]).start()
    return future


needs_proc = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells")


@needs_proc
def test_peak_memory_is_measured_where_the_task_runs() -> None:
    size = 1 << 28
    with _small_cluster(workers=1) as client:
        peaks = []
        for value in (Large(0, size), arrow(0)):
            [event] = _lazy_scan(client, [value])
            peaks.append(event["peak_memory"])
        # That the one process had much before is nothing to the task that comes after.
        assert peaks[0] >= size and peaks[0] - peaks[1] > size // 2, peaks
        with pytest.raises(lh.SchemaError) as caught:
            _lazy_scan(client, [Failing("with memory")])
        [failed] = _states(caught.value.report, "failed")
        assert failed["peak_memory"] > 0
        del caught
        collect()


@needs_proc
def test_peak_memory_of_several_tasks_of_a_process_is_nobodys(in_process: Any, tmp_path: Path) -> None:
    values = [Gated(part, str(tmp_path)) for part in range(2)]
    run = lh.sql("select a + 1 as a from t", t=_lazy(in_process, "cluster", values)).run(in_process)
    wait_until(lambda: len(_reads(tmp_path)) == 2)
    (tmp_path / "open").touch()
    run.result()
    assert [event.get("peak_memory") for event in run.report] == [None, None]


def _lazy_scan(client: Any, values: list[Any]) -> list[dict[str, Any]]:
    """What becomes of tasks that read a partition each."""
    run = lh.sql("select a + 1 as a from t", t=_lazy(client, "cluster", values)).run(client)
    run.result()
    return run.report.events


def test_a_chain_of_runs_on_a_cluster(client: Any) -> None:
    # Each link is a task that reads the one before, and each frame owns what it was made from. 10,000 work as well, in two
    # minutes: 36 s to send them, and 81 s until Dask has run them.
    links = 2_000
    frame = lh.from_futures([client.submit(numbers, 0, pure=False)])
    for _ in range(links):
        frame = lh.sql("select a + 1 as a, k from t", t=frame).persist(client)
    watch = Watch()
    run = watch.run(lh.sql("select sum(a) as s from t", t=frame), client)
    assert run.result().to_pydict() == {"s": [10 + 2 * links]}
    assert watch.check(run).is_ok


@BOTH
def test_sorts_of_many_rows_are_merged_by_ranges(client: Any, executor: str) -> None:
    count, chance = 270_000, np.random.default_rng(1)
    tables = {}
    for part, name in enumerate("abcd"):
        keys = np.where(chance.random(count) < 0.1, np.nan, chance.integers(-50, 50, count) / 4)
        keys[::1000] = -0.0
        numbered = np.arange(part * count, (part + 1) * count)
        tables[name] = pa.table({"k": pa.array(keys, mask=chance.random(count) < 0.05), "n": numbered})
    union = " union all ".join(f"select * from {name}" for name in tables)
    frame = lh.sql(f"select k, n from ({union}) as t order by k desc nulls last", **tables)
    watch = Watch()
    run = watch.run(frame, _of(client, executor))
    found = run.result()
    assert "divide" in {event["label"] for event in watch.check(run)}
    given = pa.concat_tables(tables.values())
    nulls = given["k"].null_count
    assert found["k"][len(found) - nulls :].null_count == nulls == found["k"].null_count
    # NaN is the largest number, and 0 is larger than -0: numbers as their bits, of which the sign turns all others.
    bits = found["k"].slice(0, len(found) - nulls).to_numpy().view(np.int64)
    order = np.where(bits < 0, bits ^ np.int64(0x7FFF_FFFF_FFFF_FFFF), bits)
    assert (np.diff(order) <= 0).all()
    # As rows, all of them.
    rows_of = found.take(pa.array(np.argsort(found["n"].to_numpy())))
    assert rows_of["n"].equals(given["n"]) and rows_of["k"].fill_null(99).to_numpy().tobytes() == given["k"].fill_null(
        99
    ).to_numpy().tobytes()


# ---- limits -------------------------------------------------------------------------------------------------------


LIMITS = [
    ("select a + 1 as a from t limit 3", [1, 11, 2]),
    ("select a from (select a, k from t limit 4) as u where k = 1", [1, 11]),
]


@pytest.mark.parametrize(("query", "wanted"), LIMITS)
def test_a_limit_here_runs_few_of_many_partitions(query: str, wanted: list[int]) -> None:
    watch = Watch()
    frame = _lazy(None, "local", [arrow(part) for part in range(100)])
    # One thread: two partitions are needed, and what another one did meanwhile would run, too.
    run = watch.run(lh.sql(query, t=frame), "local", threads=1)
    assert run.result()["a"].to_pylist() == wanted
    report = watch.check(run)
    assert report.is_ok
    assert [event["partition"] for event in report if event["stage"] == 0 and event["state"] == "ok"] == [0, 1]
    assert len(_states(report, "skipped")) >= 98


@pytest.mark.parametrize(("query", "wanted"), LIMITS)
def test_a_limit_on_a_cluster_runs_few_of_many_partitions(client: Any, query: str, wanted: list[int]) -> None:
    watch = Watch()
    # What is not needed takes so long that a worker which falls behind with what is does not matter.
    values = [arrow(0), arrow(1), *(Slow(part, 0.5) for part in range(2, 50))]
    run = watch.run(lh.sql(query, t=_lazy(client, "cluster", values)), client)
    assert run.result()["a"].to_pylist() == wanted
    report = watch.check(run)
    assert report.is_ok
    begun = [event for event in report if event.get("started_us") is not None or event.get("attempts")]
    assert len(begun) <= 20 and len(_states(report, "skipped")) >= 30, report.states


@BOTH
def test_a_limit_that_is_never_reached_runs_all(client: Any, executor: str) -> None:
    frame = lh.from_futures(client.map(numbers, range(40), pure=False))
    for query, wanted in (("select a from t where a > 1000 limit 3", 0), ("select a from t limit 1000", 80)):
        watch = Watch()
        run = watch.run(lh.sql(query, t=frame), _of(client, executor))
        assert len(run.result()) == wanted
        assert watch.check(run).is_ok and not _states(run.report, "skipped")


def test_a_limit_on_a_cluster_does_not_wait_for_what_it_does_not_need(client: Any, tmp_path: Path) -> None:
    values = [Waiting(arrow(0), str(tmp_path), "reads-1-*"), Gated(1, str(tmp_path)), *map(arrow, range(2, 30))]
    watch = Watch()
    run = watch.run(lh.sql("select a from t limit 2", t=_lazy(client, "cluster", values)), client)
    # One worker reads what never opens, and is told that nobody wants it any more.
    assert run.result(timeout=60)["a"].to_pylist() == [0, 10]
    report = watch.check(run)
    assert report.is_ok and report[1]["state"] == "skipped"
    [attempt] = report[1]["attempts"]
    assert attempt["started_us"] is not None and report[1].get("started_us") is None
    (tmp_path / "open").touch()


def test_a_future_that_no_limit_needs_may_fail(client: Any, tmp_path: Path) -> None:
    from distributed import Event, wait

    event = Event(f"gate-{tmp_path}", client=client)
    good = client.map(same, [arrow(0), *[Gated(1, str(tmp_path))] * 9], pure=False)
    bad = client.submit(_after_event, event.name, True, pure=False)
    run = lh.sql("select a from t limit 3", t=lh.from_futures([*good, bad], schema=arrow(0))).run(client)
    wait_until(lambda: _reads(tmp_path))
    (tmp_path / "open").touch()
    assert run.result(timeout=60)["a"].to_pylist() == [0, 10, 1]
    event.set()
    wait(bad)
    assert run.report.is_ok
    event.clear()


def test_rows_of_a_limit_that_the_client_has_are_cached(client: Any) -> None:
    frame = lh.sql("select a from t limit 3", t=lh.from_futures(client.map(numbers, range(30), pure=False)))
    kept = frame.persist(client)
    assert kept.compute(client)["a"].to_pylist() == [0, 10, 1]
    watch = Watch()
    run = watch.run(frame, client)
    assert run.result()["a"].to_pylist() == [0, 10, 1]
    report = watch.check(run)
    assert report.is_ok and not _states(report, "ok") and _states(report, "cached")
    del kept, run, frame
    collect()


# ---- failures -----------------------------------------------------------------------------------------------------


@BOTH
def test_law_t3_a_task_that_raises(client: Any, executor: str) -> None:
    watch = Watch()
    lazy = lh.from_futures(client.map(numbers, range(2), pure=False), name="t")
    frame = lh.sql("select k, sum(b) as s from (select k, 1 / (a - 10) as b from t) as u group by k", t=lazy)
    run = watch.run(frame, _of(client, executor))
    with pytest.raises(lh.ComputeError, match="ivide by zero") as caught:
        run.result()
    report = watch.check(run)
    assert caught.value.report == report and not report.is_ok
    [failed] = _states(report, "failed")
    assert "ivide by zero" in failed["error"]["message"] and failed["started_us"] is not None
    assert _states(report, "upstream-failed") and "failed" in report.to_text()
    # It is told again, and survives pickling, with what happened inside.
    with pytest.raises(lh.ComputeError) as again:
        run.result()
    assert pickle.loads(pickle.dumps(again.value)).report == report


def test_law_t3_a_remote_trace(client: Any) -> None:
    watch = Watch()
    run = watch.run(totals(_lazy(client, "cluster", [arrow(0), Failing("in the reader")])), client)
    with pytest.raises(lh.SchemaError, match="in the reader") as caught:
        run.result()
    report = watch.check(run)
    [failed] = _states(report, "failed")
    assert failed["error"]["kind"] == "SchemaError"
    trace = failed["error"]["trace"]
    assert "ZeroDivisionError: in the reader" in trace and "tasks.py" in trace and "in fail" in trace
    assert caught.value.report == report
    # All that stands above it, which is all of the later stages: both output partitions read every split.
    above = [event for event in report if event["stage"] > failed["stage"]]
    assert above and {event["state"] for event in above} == {"upstream-failed"}
    assert all(event["attempt"] == 0 and event.get("started_us") is None for event in above)


def test_retries_are_attempts_that_did_not_count(client: Any, tmp_path: Path) -> None:
    watch = Watch()
    frame = lh.sql("select sum(a) as s from t", t=_lazy(client, "cluster", [Failing("now and then", str(tmp_path), 2)]))
    run = watch.run(frame, client, retries=2)
    assert run.result().to_pydict() == {"s": [10]}
    report = watch.check(run)
    [tried] = [event for event in report if event.get("attempts")]
    assert (tried["state"], tried["attempt"]) == ("ok", 3)
    assert all("now and then" in attempt["why"] for attempt in tried["attempts"])


def test_retries_that_are_used_up(client: Any, tmp_path: Path) -> None:
    watch = Watch()
    frame = lh.sql("select sum(a) as s from t", t=_lazy(client, "cluster", [Failing("always", str(tmp_path))]))
    run = watch.run(frame, client, retries=1)
    with pytest.raises(lh.SchemaError, match="always"):
        run.result()
    [failed] = _states(watch.check(run), "failed")
    assert (failed["attempt"], len(failed["attempts"])) == (2, 1)


def _reads(folder: Path) -> dict[int, list[int]]:
    """The processes that are reading, by partition."""
    found: dict[int, list[int]] = {}
    for entry in folder.glob("reads-*"):
        _, part, pid, _ = entry.name.split("-")
        found.setdefault(int(part), []).append(int(pid))
    return found


def test_law_t1_a_worker_killed_in_the_middle_of_a_shuffle(tmp_path: Path) -> None:
    with _small_cluster() as client:
        watch = Watch()
        values = [arrow(0), Gated(1, str(tmp_path)), arrow(2)]
        run = watch.run(totals(_lazy(client, "cluster", values)), client)
        wait_until(lambda: _reads(tmp_path))
        [[pid]] = _reads(tmp_path).values()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(_reads(tmp_path)[1]) == 2)
        (tmp_path / "open").touch()
        assert rows(run.result()) == WANTED
        report = watch.check(run)
        assert report.is_ok
        [tried] = [event for event in report if event.get("attempts")]
        assert (tried["state"], tried["attempt"]) == ("ok", 2)
        [lost] = tried["attempts"]
        assert "is gone" in lost["why"] and lost["worker"] != tried["worker"] and lost["started_us"] is not None
        del run
        collect()


@pytest.mark.parametrize("allowed", [0, 1])
def test_law_t1_a_task_whose_workers_die(allowed: int) -> None:
    with _small_cluster(allowed_failures=allowed) as client:
        watch = Watch()
        run = watch.run(totals(_lazy(client, "cluster", [arrow(0), Deadly(1)])), client)
        with pytest.raises(lh.WorkerError, match="workers died") as caught:
            run.result()
        report = watch.check(run)
        assert caught.value.report == report
        [lost] = _states(report, "lost")
        assert (lost["attempt"], len(lost.get("attempts", []))) == (allowed + 1, allowed)
        assert lost["error"]["kind"] == "worker-lost" and lost["started_us"] is not None
        assert _states(report, "upstream-failed")
        del run
        collect()


def test_law_t1_random_kills() -> None:
    chance = random.Random(5)
    with _small_cluster(workers=3, allowed_failures=10) as client:
        for number in range(6):
            watch = Watch()
            values = [Slow(part, 0.1) for part in range(6)]
            frame = _lazy(client, "cluster", values)
            # Of a limit, the rows of what was counted may die before it reads them.
            frame = totals(frame) if number % 2 == 0 else lh.sql("select count(*) from (select a from t limit 9)", t=frame)
            run = watch.run(frame, client)
            time.sleep(chance.uniform(0.0, 0.5))
            pids = client.run(os.getpid)
            victim = chance.choice(sorted(pids))
            os.kill(pids[victim], signal.SIGKILL)
            try:
                found = rows(run.result())
                assert sum(row[2] for row in found) == 12 if number % 2 == 0 else found == [(9,)]
            except lh.FutureLostError as error:
                # The futures of the leaf, which only that worker had and Dask could not make again in time.
                assert error.report == run.report
            watch.check(run)
            # Another one comes in its place, under another address.
            wait_until(lambda: victim not in client.scheduler_info()["workers"])
            client.wait_for_workers(3, timeout=60)
            del run
            collect()


def test_law_t1_the_client_is_closed_with_a_run_in_flight(_cluster: Any, tmp_path: Path) -> None:
    from distributed import Client

    watch = Watch()
    with Client(_cluster, set_as_default=False) as client:
        frame = totals(_lazy(client, "cluster", [arrow(0), Gated(1, str(tmp_path))]))
        run = watch.run(frame, client)
        wait_until(lambda: _reads(tmp_path))
    with pytest.raises(lh.FutureLostError, match="client.*closed") as caught:
        run.result(timeout=60)
    (tmp_path / "open").touch()
    report = watch.check(run)
    assert caught.value.report == report
    assert _states(report, "lost") and not report.is_ok
    del frame, run


@pytest.mark.parametrize("silent", ["beginnings", "endings", "everything"])
def test_law_t1_words_that_never_come(client: Any, silent: str) -> None:
    def hush(silent: str) -> None:
        from leafhold import _measure

        say = _measure._told = _measure.Execution._say

        def said(self: Any, what: str, **more: Any) -> None:
            if silent != "everything" and (what == "started") != (silent == "beginnings"):
                say(self, what, **more)

        _measure.Execution._say = said

    def speak() -> None:
        from leafhold import _measure

        _measure.Execution._say = _measure._told

    client.run(hush, silent)
    try:
        watch = Watch()
        run = watch.run(totals(lh.from_futures(client.map(numbers, range(3), pure=False))), client)
        assert rows(run.result()) == WANTED
        report = watch.check(run)
    finally:
        client.run(speak)
    assert report.is_ok
    # Nobody told the driver that anything ran, or what it gave; that it must have is certain all the same.
    assert set(report.states) - {"skipped"} == ({"cached"} if silent == "everything" else {"ok"})
    assert all((event["rows"] > 0) == (silent == "beginnings") for event in report if event["state"] == "ok")


def test_a_limit_of_which_nobody_says_the_rows(client: Any) -> None:
    def hush() -> None:
        from leafhold import _measure

        _measure._told = _measure.Execution._say
        _measure.Execution._say = lambda self, what, **more: None

    def speak() -> None:
        from leafhold import _measure

        _measure.Execution._say = _measure._told

    client.run(hush)
    try:
        watch = Watch()
        frame = lh.sql("select a from t limit 3", t=lh.from_futures(client.map(numbers, range(30), pure=False)))
        run = watch.run(frame, client)
        assert run.result(timeout=60)["a"].to_pylist() == [0, 10, 1]
        assert watch.check(run).is_ok
    finally:
        client.run(speak)


# ---- law L5: futures of leaves ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("when", ["before", "planned", "during"])
@pytest.mark.parametrize("how", ["fails", "is cancelled"])
def test_law_l5_a_future_that_gives_no_data(client: Any, executor: str, when: str, how: str, tmp_path: Path) -> None:
    from conftest import cancel
    from distributed import Event, wait

    event = Event(f"gate-{tmp_path}", client=client)
    bad = client.submit(_after_event, event.name, how == "fails", pure=False)
    frame = totals(lh.from_futures([client.submit(numbers, 0, pure=False), bad], schema=numbers(0), name="t"))

    def happen() -> None:
        if how == "fails":
            event.set()
            wait(bad)
        else:
            client.cancel(bad)
            event.set()

    if when == "before":
        if how == "is cancelled":
            event.set()
            cancel(client, bad)
        else:
            happen()
    watch = Watch(happen if when == "planned" else None)
    run = watch.run(frame, _of(client, executor))
    if when == "during":
        # The task that reads the other partition has run.
        wait_until(lambda: watch.events)
        happen()
    kind = lh.FutureFailedError if how == "fails" else lh.FutureCancelledError
    with pytest.raises(kind, match="leaf `t`, partition 1") as caught:
        run.result(timeout=60)
    report = watch.check(run)
    assert caught.value.report == report
    # Before dependent tasks start: nothing that reads it, directly or not, has run.
    [read] = [event for event in _states(report, "failed")]
    assert "leaf `t`, partition 1" in read["error"]["message"] and read.get("started_us") is None
    assert _states(report, "upstream-failed")
    event.clear()


def _after_event(event: str, raises: bool) -> Any:
    from distributed import Event

    Event(event).wait(timeout=60)
    return fail("no data") if raises else numbers(1)


@BOTH
@pytest.mark.parametrize("when", ["before", "planned", "during"])
def test_law_l5_a_future_that_is_lost(executor: str, when: str, tmp_path: Path) -> None:
    # The one worker that has the data, and what was made of them.
    with _small_cluster(workers=1) as client:
        [scattered] = client.scatter([numbers(0)], hash=False)
        others = client.map(numbers, range(1, 2), pure=False)
        if executor == "cluster":
            others += client.map(same, [Gated(2, str(tmp_path))], pure=False)
        else:
            # Here, the run would else be over.
            others += [client.submit(_after_file, str(tmp_path / "open"), pure=False)]
        frame = totals(lh.from_futures([*others[:1], scattered, *others[1:]], schema=arrow(0), name="numbers"))

        def happen() -> None:
            [pid] = client.run(os.getpid).values()
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: scattered.status == "cancelled")

        if when == "before":
            happen()
        watch = Watch(happen if when == "planned" else None)
        run = watch.run(frame, _of(client, executor))
        if when == "during":
            wait_until(lambda: watch.events)
            happen()
        if executor == "local" and when == "during":
            # What has been read here is here.
            (tmp_path / "open").touch()
            assert sum(row[2] for row in rows(run.result(timeout=60))) == 6
            assert watch.check(run).is_ok
        else:
            with pytest.raises(lh.FutureLostError, match="leaf `numbers`, partition 1") as caught:
                run.result(timeout=60)
            report = watch.check(run)
            assert caught.value.report == report and _states(report, "lost")
            del caught
        (tmp_path / "open").touch()
        del frame, run
        collect()


def _after_file(name: str) -> Any:
    wait_until(lambda: Path(name).exists(), seconds=60)
    return numbers(2)


# ---- cancelling ---------------------------------------------------------------------------------------------------


@BOTH
def test_cancel(client: Any, executor: str, tmp_path: Path) -> None:
    watch = Watch()
    if executor == "cluster":
        frame = totals(_lazy(client, executor, [arrow(0), Gated(1, str(tmp_path))]))
    else:
        never: Future = Future()
        frame = totals(lh.from_futures([never], schema=arrow(0)))
    run = watch.run(frame, _of(client, executor))
    if executor == "cluster":
        wait_until(lambda: _reads(tmp_path))
    assert not run.done() and not run.wait(0.1) and "under way" in repr(run)
    with pytest.raises(TimeoutError):
        run.result(timeout=0.1)
    run.cancel()
    run.cancel()
    with pytest.raises(lh.RunCancelledError) as caught:
        run.result(timeout=60)
    report = watch.check(run)
    assert caught.value.report == report and _states(report, "cancelled") and not _states(report, "failed")
    (tmp_path / "open").touch()
    if executor == "cluster":
        # The same work, wanted again.
        assert rows(frame.compute(client)) == rows(
            totals(lh.from_arrow(pa.concat_tables([arrow(0), arrow(1)]))).compute()
        )


def test_cancel_stops_a_task_between_batches(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from leafhold import _driver

    # However slow the machine is: the task has to say itself that it stopped.
    monkeypatch.setattr(_driver, "PATIENCE", 60)
    big = pa.table({"a": list(range(3_000)), "k": [0] * 3_000})
    frame = lh.sql("select sum(x.a * y.a + z.a) as s from t x, t y, t z where x.a + y.a + z.a > 1", t=big)
    watch = Watch()
    run = watch.run(frame, client)
    wait_until(lambda: client.run(_executing) and any(client.run(_executing).values()))
    run.cancel()
    with pytest.raises(lh.RunCancelledError):
        run.result(timeout=60)
    report = watch.check(run)
    [stopped] = [event for event in _states(report, "cancelled") if event.get("started_us") is not None]
    assert stopped.get("error") is None, "it said so itself"
    wait_until(lambda: not any(client.run(_executing).values()))


def _executing() -> list[str]:
    from leafhold import _measure

    return [execution.key for running in _measure._running.values() for execution in running]


@BOTH
def test_a_run_that_nobody_wants_any_more_is_cancelled(client: Any, executor: str, tmp_path: Path) -> None:
    watch = Watch()
    if executor == "cluster":
        frame = totals(_lazy(client, executor, [Gated(1, str(tmp_path))]))
    else:
        frame = totals(lh.from_futures([Future()], schema=arrow(0)))
    run = watch.run(frame, _of(client, executor))
    if executor == "cluster":
        wait_until(lambda: _reads(tmp_path))
    del run
    gc.collect()
    wait_until(lambda: watch.finished)
    assert set(watch.finished[0].states) <= {"cancelled", "upstream-failed"}
    (tmp_path / "open").touch()


# ---- observers ----------------------------------------------------------------------------------------------------


@BOTH
def test_law_t4_observers_that_raise_harm_nobody(client: Any, executor: str) -> None:
    def angry(_: Any) -> None:
        raise RuntimeError("angry")

    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    run = frame.run(_of(client, executor), on_submit=angry, on_event=angry, on_finish=angry)
    assert rows(run.result()) == WANTED


@BOTH
def test_law_t4_observers_may_use_the_client(client: Any, executor: str) -> None:
    seen: list[Any] = []
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    run = frame.run(_of(client, executor), on_event=lambda event: seen.append(client.submit(same, 1).result()))
    assert rows(run.result()) == WANTED
    assert seen == len(run.report) * [1]


@BOTH
def test_law_t4_observers_of_work_are_called_where_the_task_runs(client: Any, executor: str) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    watch = Watch()
    run = watch.run(frame, _of(client, executor), work_observers={"witness": Witness(), "other": Witness()})
    assert rows(run.result()) == WANTED
    report = watch.check(run)
    pids = set(client.run(os.getpid).values()) if executor == "cluster" else {os.getpid()}
    assert report.is_ok
    for event in _states(report, "ok"):
        assert set(event["observed"]) == {"witness", "other"}
        said = event["observed"]["witness"]
        assert said["pid"] in pids and said["same_thread"]
        assert said["outcome"] == {"state": "ok", "rows": event["rows"], "error": None}
        context = said["context"]
        assert {name: context[name] for name in ("label", "stage", "partition", "worker")} == {
            name: event[name] for name in ("label", "stage", "partition", "worker")
        }
        assert context.get("host") == event.get("host") and len(context["task"]) == 64
        # Around the attempt, and no part of it.
        assert said["time_us"] >= event["ended_us"] - event["started_us"] or executor == "local"
    # It reads back, and has a column.
    assert lh.RunReport.from_jsonl(report.to_jsonl()) == report
    assert report.to_pandas()["observed"].map(lambda said: said["witness"]["outcome"]["state"]).eq("ok").all()
    # Other runs are as they were.
    assert all("observed" not in event for event in frame.run(_of(client, executor)).report)


@BOTH
def test_law_t4_observers_of_work_hear_of_failures(client: Any, executor: str) -> None:
    lazy = lh.from_futures(client.map(numbers, range(2), pure=False), name="t")
    run = lh.sql("select 1 / (a - 10) as b from t", t=lazy).run(_of(client, executor), work_observers={"w": Witness()})
    with pytest.raises(lh.ComputeError):
        run.result()
    [failed] = _states(run.report, "failed")
    outcome = failed["observed"]["w"]["outcome"]
    assert (outcome["state"], outcome["rows"]) == ("failed", None) and "ivide by zero" in outcome["error"]


def test_law_t4_observers_of_work_see_every_attempt(client: Any, tmp_path: Path) -> None:
    frame = lh.sql("select sum(a) as s from t", t=_lazy(client, "cluster", [Failing("now and then", str(tmp_path), 2)]))
    run = frame.run(client, retries=2, work_observers={"w": Witness()})
    assert run.result().to_pydict() == {"s": [10]}
    [tried] = [event for event in run.report if event.get("attempts")]
    states = [attempt["observed"]["w"]["outcome"]["state"] for attempt in tried["attempts"]]
    assert [*states, tried["observed"]["w"]["outcome"]["state"]] == ["failed", "failed", "ok"]


@BOTH
@pytest.mark.parametrize("when", ["start", "end", "in what it says"])
def test_law_t4_observers_of_work_that_raise_harm_nobody(client: Any, executor: str, when: str) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    run = frame.run(_of(client, executor), work_observers={"angry": Angry(when), "calm": Witness()})
    assert rows(run.result()) == WANTED
    for event in _states(run.report, "ok"):
        wrong = event["observed"]["angry"]["error"]
        assert ("TypeError" if when == "in what it says" else "RuntimeError: angry") in wrong
        assert event["observed"]["calm"]["outcome"]["state"] == "ok"


def test_law_t4_observers_of_work_watch_work_that_the_cluster_has(client: Any) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    kept = frame.persist(client)
    assert rows(kept.compute(client)) == WANTED
    report = frame.run(client, work_observers={"w": Witness()}).report
    assert _states(report, "ok") and not _states(report, "cached")
    del kept, frame
    collect()


def test_law_t4_observers_of_work_that_are_none(client: Any) -> None:
    frame = lh.from_arrow(arrow(0))
    with pytest.raises(lh.PlanError, match="on_end"):
        frame.run(work_observers={"o": print})
    locked = Witness()
    locked.began.append(threading.Lock())
    with pytest.raises(lh.PlanError, match="'o' cannot be sent to workers"):
        frame.run(client, work_observers={"o": locked})


def test_a_handler_of_somebody_elses_stays(client: Any) -> None:
    heard: list[Any] = []
    client.subscribe_topic("all", heard.append)
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    assert rows(frame.compute(client)) == WANTED
    client.log_event("all", {"mine": 1})
    wait_until(lambda: any(event[1] == {"mine": 1} for event in heard))
    client.unsubscribe_topic("all")


@BOTH
def test_a_progress_bar(client: Any, executor: str, capfd: pytest.CaptureFixture[str]) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    run = frame.run(_of(client, executor), progress=True)
    run.result()
    drawn = capfd.readouterr().err
    count = len(run.report)
    assert f"0 of {count} tasks" in drawn and f"{count} ok" in drawn.splitlines()[-1]


# ---- forms of a report --------------------------------------------------------------------------------------------


@BOTH
def test_forms_of_a_report(client: Any, executor: str, tmp_path: Path) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    report = frame.run(_of(client, executor)).report
    lines = report.to_jsonl(tmp_path / "run.jsonl")
    assert (tmp_path / "run.jsonl").read_text() == lines
    assert lh.RunReport.from_jsonl(lines) == pickle.loads(pickle.dumps(report)) == report
    trace = json.loads(report.to_chrome(tmp_path / "run.json"))
    slices = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert len(slices) >= len(_states(report, "ok"))
    table = report.to_pandas()
    assert list(table.index) == list(range(len(report))) and set(table["state"]) <= STATES
    ran = table[table["started"].notna()]
    assert (ran["duration"].dt.total_seconds() > 0).all() and (ran["duration"] <= ran["ended"]).all()
    assert table["rows"].sum() == sum(event["rows"] for event in report)
    page = report._repr_html_()
    assert "<iframe" in page and "srcdoc" in page
    # The plan stands beside what happened, with the rows that its operators gave; it survives pickling, and JSON lines
    # have none.
    written = report.to_html(tmp_path / "run.html")
    assert (tmp_path / "run.html").read_text() == written == pickle.loads(pickle.dumps(report)).to_html()
    assert "hash-aggregate" in written and " actual 2" in written and "; C_out 0" in written
    assert "hash-aggregate" in page and "; plan" not in lh.RunReport.from_jsonl(lines).to_html()
    assert report[0] == report.events[0] and str(report) == report.to_text() and "ok" in repr(report)


def test_law_f1_a_trace_of_a_failure_a_retry_and_a_killed_worker(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    tries.mkdir()
    with _small_cluster(workers=3) as client:
        watch = Watch()
        values = [
            arrow(0),
            Gated(1, str(tmp_path)),
            Failing("now and then", str(tries), 1),
            Waiting(Failing("always"), str(tmp_path), "open"),
        ]
        run = watch.run(totals(_lazy(client, "cluster", values)), client, retries=1)
        wait_until(lambda: _reads(tmp_path))
        os.kill(_reads(tmp_path)[1][0], signal.SIGKILL)
        wait_until(lambda: len(_reads(tmp_path)[1]) == 2 and len(list(tries.iterdir())) == 2)
        (tmp_path / "open").touch()
        with pytest.raises(lh.SchemaError, match="always") as caught:
            run.result(timeout=60)
        report = watch.check(run)
        checked = trace_format.check(report.to_chrome())
        # One slice of each try, what did not count included, and an instant of what never ran.
        tries_of = {event["task"]: len(event.get("attempts", [])) for event in report}
        ran = [event["task"] for event in report if event.get("started_us") is not None]
        for task in ran:
            slices = [slice for slice in checked.slices if slice.get("task") == task]
            assert len(slices) == tries_of[task] + 1, (report[task], slices)
        assert sum(tries_of.values()) >= 3
        # Whatever read something and ran has an arrow from it, unless it was there before.
        sources = {to["task"] for _, to in checked.arrows}
        assert sources <= set(ran)
        del caught, run
        collect()


@BOTH
def test_law_f1_traces_of_runs_that_go_well(client: Any, executor: str) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(20), pure=False)))
    report = frame.run(_of(client, executor)).report
    checked = trace_format.check(report.to_chrome())
    ran = {event["task"] for event in report if event.get("started_us") is not None}
    assert {slice["task"] for slice in checked.slices if "task" in slice} == ran
    assert checked.arrows


def test_reports_that_are_none() -> None:
    for bad in ("", "{}", "[]", "nonsense"):
        with pytest.raises(ValueError):
            lh.RunReport.from_jsonl(bad)


def test_options_that_are_none() -> None:
    frame = lh.from_arrow(arrow(0))
    for options in ({"threads": 0}, {"retries": -1}, {"memory_limit": -1}):
        with pytest.raises(lh.PlanError):
            frame.run(**options)


def test_a_memory_limit_here() -> None:
    table = pa.table({"a": list(range(50_000)), "k": [row % 100 for row in range(50_000)]})
    frame = lh.sql(TOTALS, t=table)
    run = frame.run(memory_limit=1 << 16, threads=2)
    assert rows(run.result()) == rows(frame.compute()) and run.report.is_ok


# ---- the book alone -----------------------------------------------------------------------------------------------


def test_law_t1_a_book_that_hears_nonsense() -> None:
    """Python feeds the book, and cannot make it break the law: 300 random stories."""
    chance = random.Random(1)
    frame = totals(lh.from_futures([_slow_future(0) for _ in range(3)], schema=arrow(0)))
    graph = frame._expr.lower("nonce")
    handles = [handle for _, _, handle in frame._expr.futures()]
    count = len(graph.keys)
    error = ("kind", "message", None)
    for _ in range(300):
        book, events = graph.ledger(chance.randrange(3)), []
        for now in range(chance.randrange(60)):
            task, word = chance.randrange(count + 1), _word(chance, now)
            match chance.randrange(10):
                case 0 | 1 | 2:
                    book.started(task, word, now)
                case 3 | 4 | 5:
                    book.answered(task, word, now)
                case 6:
                    book.there(task, now)
                case 7:
                    book.worker_lost(chance.choice("ab"), "gone", now)
                case 8:
                    book.future(chance.choice(handles), chance.choice([None, None, error]), chance.random() < 0.5, now)
                case 9 if chance.random() < 0.2:
                    chance.choice([book.task_lost, book.failed])(task, error, now)
            events += book.take_events()
        last, report = book.close(0, 100, 2)
        found = sorted(json.loads(event)["task"] for event in [*events, *last])
        assert found == list(range(count)) and len(report) == count
        with pytest.raises(ValueError, match="closed"):
            book.close(0, 100, 2)
    with pytest.raises(ValueError, match="no way to end"):
        graph.ledger(0).answered(0, _word(chance, 0) | {"what": "well"}, 1)


def _word(chance: random.Random, now: int) -> dict[str, Any]:
    return {
        "id": chance.choice("abc"),
        "worker": chance.choice("ab"),
        "host": "here",
        "started": now,
        "what": chance.choice(["ok", "ok", "failed", "stopped"]),
        "ended": now,
        "transfer": 0,
        "bytes_in": 0,
        "bytes_out": 0,
        "rows": 1,
        "node_rows": [1, None],
        "observed": chance.choice([None, '{"w": {"time_us": 1}}', "nonsense"]),
        "peak_memory": chance.choice([None, 1 << 20]),
        "error": None,
    }
