"""Rows that a worker takes along although their task has ended: Dask makes them again, if it can. Laws T1, T3 and L5."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import leafhold as lh
import pyarrow as pa
import pytest
import trace_format
from conftest import collect, pairs, rows, totals, wait_until
from runs import Watch, holders, in_state, kill, lazy_frame, reads, small_cluster
from tasks import Gated, Once, arrow, numbers, same


def _told(watch: Watch, partition: int) -> dict[str, Any] | None:
    """What was told of the task that reads a partition."""
    found = [event for event in watch.events if (event["stage"], event["partition"]) == (0, partition)]
    return found[0] if found else None


@contextlib.contextmanager
def _rows_nobody_hears_of(client: Any) -> Iterator[None]:
    """The scheduler's word that rows of ours are there gets lost, as it does when their worker dies before it."""
    heard = client._stream_handlers["key-in-memory"]

    def hear(key: Any = None, **word: Any) -> None:
        if not str(key).startswith("leafhold-"):
            heard(key=key, **word)

    client._stream_handlers["key-in-memory"] = hear
    try:
        yield
    finally:
        client._stream_handlers["key-in-memory"] = heard


def test_rows_of_the_result_that_are_lost_before_anybody_has_heard_of_them() -> None:
    with small_cluster(workers=1) as client, _rows_nobody_hears_of(client):
        [worker] = client.scheduler_info(n_workers=-1)["workers"]
        # Nobody can make these again, nor what is made of them.
        [scattered] = client.scatter([numbers(0)], hash=False)
        watch = Watch()
        leaf = lh.from_futures([scattered], schema=numbers(0), name="t")
        run = watch.run(lh.sql("select a from t where a > 1", t=leaf), client)
        wait_until(lambda: [event["state"] for event in watch.events] == ["ok"])
        assert not run.done()
        kill(client, worker)
        with pytest.raises(lh.FutureLostError, match="leaf `t`, partition 0.*was lost") as caught:
            run.result(timeout=60)
        report = watch.check(run)
        assert caught.value.report == report and set(report.states) == {"ok"}
        del run, leaf, scattered, caught


def test_cancel_while_nobody_has_heard_of_the_rows_of_the_result(client: Any) -> None:
    with _rows_nobody_hears_of(client):
        watch = Watch()
        leaf = lh.from_futures(client.map(numbers, range(1), pure=False), schema=numbers(0))
        run = watch.run(lh.sql("select a from t where a > 1", t=leaf), client)
        wait_until(lambda: watch.events)
        run.cancel()
        with pytest.raises(lh.RunCancelledError) as caught:
            run.result(timeout=60)
    report = watch.check(run)
    assert caught.value.report == report and set(report.states) == {"ok"}


@pytest.mark.parametrize("allowed", [3, 0])
def test_law_t1_finished_rows_that_are_lost_in_a_shuffle_are_made_again(allowed: int, tmp_path: Path) -> None:
    # That an idle worker dies is no failure of a task: what it had is made again, however few failures are allowed.
    # Of two threads one may wait at the gate: what Dask has put behind it runs on the other.
    with small_cluster(threads=2, allowed_failures=allowed) as client:
        watch = Watch()
        values = [Gated(0, str(tmp_path)), *map(arrow, range(1, 6))]
        run = watch.run(pairs(lazy_frame(client, "cluster", values)), client)
        # Every join reads a port of each split, and one of these waits at the gate.
        wait_until(lambda: reads(tmp_path) and all(_told(watch, partition) for partition in range(1, 6)))
        [[busy]] = reads(tmp_path).values()
        [dead] = [worker for worker, pid in client.run(_pid).items() if pid != busy]
        lost = {event["task"] for event in watch.events if holders(client, run, event["task"]) == {dead}}
        # The rows of each stand in several ports.
        assert lost and not any(watch.events[at]["stage"] for at in range(5))
        kill(client, dead)
        (tmp_path / "open").touch()
        assert run.result(timeout=60) == pairs(lh.from_arrow(pa.concat_tables(map(arrow, range(6))))).compute()
        report = watch.check(run)
        assert report.is_ok and set(report.states) <= {"ok", "skipped"}
        assert {event["task"] for event in report if event.get("attempts")} == lost
        for event in [report[task] for task in lost]:
            assert (event["state"], event["attempt"]) == ("ok", 2) and not event["worker"].startswith(dead)
            [attempt] = event["attempts"]
            assert attempt["number"] == 1 and attempt["worker"].startswith(dead)
            assert attempt["error"]["kind"] == "rows-lost" and f"with the worker {dead}" in attempt["error"]["message"]
            assert attempt["started_us"] <= attempt["ended_us"] <= event["started_us"]
        assert lh.RunReport.from_jsonl(report.to_jsonl()) == report
        slices = trace_format.check(report.to_chrome()).slices
        assert all(len([slice for slice in slices if slice.get("task") == task]) == 2 for task in lost)
        del run


def test_law_l5_lost_rows_of_a_leaf_that_is_lost_too(tmp_path: Path) -> None:
    with small_cluster() as client:
        [here, there] = client.scheduler_info(n_workers=-1)["workers"]
        [scattered] = client.scatter([numbers(1)], workers=[here], hash=False)
        gated = client.submit(same, Gated(0, str(tmp_path)), workers=[there], pure=False)
        # The gate is read first, so that the worker which has nothing else reads the other one.
        frame = lh.from_futures([gated, scattered], schema=arrow(0), name="t")
        watch = Watch()
        run = watch.run(pairs(frame), client)
        wait_until(lambda: _told(watch, 1) and reads(tmp_path))
        told = _told(watch, 1)
        # A worker says that a task has ended before the scheduler knows of its rows.
        wait_until(lambda: holders(client, run, told["task"]) == {here})
        kill(client, here)
        with pytest.raises(lh.FutureLostError, match="leaf `t`, partition 1") as caught:
            run.result(timeout=60)
        (tmp_path / "open").touch()
        report = watch.check(run)
        assert caught.value.report == report and caught.value.key == scattered.key
        # It had ended, and that stands; what reads its rows is lost, and what is above that has not run.
        assert (told["state"], report[told["task"]]) == ("ok", told)
        lost = in_state(report, "lost")
        assert lost and all(event["attempt"] == 0 and event["error"]["kind"] == "future-lost" for event in lost)
        for event in lost:
            message = event["error"]["message"]
            assert "partition 1, are gone: leaf `t`, partition 1" in message and scattered.key in message
        assert in_state(report, "upstream-failed") and not in_state(report, "failed")
        del run, caught, frame, scattered, gated


@pytest.mark.parametrize("retries", [0, 1])
def test_law_l5_lost_rows_that_cannot_be_made_again(retries: int, tmp_path: Path) -> None:
    [once, gate] = [tmp_path / name for name in ("once", "gate")]
    once.mkdir()
    gate.mkdir()
    with small_cluster() as client:
        watch = Watch()
        frame = lazy_frame(client, "cluster", [Gated(0, str(gate)), Once(1, str(once))])
        run = watch.run(pairs(frame), client, retries=retries)
        wait_until(lambda: _told(watch, 1) and reads(gate))
        told = _told(watch, 1)
        wait_until(lambda: holders(client, run, told["task"]))
        [dead] = holders(client, run, told["task"])
        kill(client, dead)
        # The worker at the gate may be the one that is to make them.
        (gate / "open").touch()
        with pytest.raises(lh.SchemaError, match="read twice") as caught:
            run.result(timeout=60)
        report = watch.check(run)
        assert caught.value.report == report and report[told["task"]] == told
        failed = in_state(report, "failed")
        assert failed and all(event["attempt"] == 0 for event in failed)
        for event in failed:
            error = event["error"]
            assert error["kind"] == "SchemaError" and "partition 1, are gone" in error["message"]
            assert "ZeroDivisionError: it was read twice" in error["trace"]
        assert in_state(report, "upstream-failed") and not in_state(report, "lost")
        del run, caught, frame


def test_law_l5_a_leaf_that_is_lost_after_it_was_there_and_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leafhold._driver import Driver

    heard: list[str] = []
    on_leaf = Driver._on_leaf

    def note(self: Driver, generation: str) -> None:
        on_leaf(self, generation)
        heard.append(self.cluster.leaves()[generation][2].key)

    monkeypatch.setattr(Driver, "_on_leaf", note)
    with small_cluster(workers=1) as client:
        # The only thread has something else to do.
        busy = client.submit(_after_file, str(tmp_path / "open"), pure=False)
        wait_until(lambda: any(client.processing().values()))
        [scattered] = client.scatter([numbers(1)], hash=False)
        frame = lh.from_futures([scattered], schema=arrow(0), name="t")
        watch = Watch()
        run = watch.run(pairs(frame), client)
        wait_until(lambda: scattered.key in heard)
        assert not watch.events and not watch.finished
        [worker] = client.scheduler_info(n_workers=-1)["workers"]
        kill(client, worker)
        with pytest.raises(lh.FutureLostError, match="leaf `t`, partition 0") as caught:
            run.result(timeout=60)
        report = watch.check(run)
        assert caught.value.report == report and caught.value.key == scattered.key
        [lost] = in_state(report, "lost")
        assert (lost["stage"], lost["partition"], lost["attempt"], lost["error"]["kind"]) == (0, 0, 0, "future-lost")
        assert lost.get("started_us") is None and scattered.key in lost["error"]["message"]
        assert set(report.states) == {"lost", "upstream-failed"}
        (tmp_path / "open").touch()
        assert busy.result(timeout=60) is None
        del run, caught, frame, scattered, busy


@pytest.mark.parametrize("leaf", ["is made again", "is lost, too"])
def test_rows_of_the_result_that_are_lost_before_they_are_fetched(leaf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from leafhold._cluster import ClusterRun

    with small_cluster(workers=1) as client:
        fetch = ClusterRun.fetch

        def killed(self: ClusterRun, done: Any) -> None:
            for worker in client.scheduler_info(n_workers=-1)["workers"]:
                kill(client, worker)
            fetch(self, done)

        monkeypatch.setattr(ClusterRun, "fetch", killed)
        [future] = client.scatter([numbers(0)], hash=False) if leaf == "is lost, too" else client.map(numbers, [0], pure=False)
        watch = Watch()
        run = watch.run(totals(lh.from_futures([future], schema=arrow(0), name="t")), client)
        if leaf == "is made again":
            assert rows(run.result(timeout=60)) == [(0, 10, 2)]
            report = watch.check(run)
            # What the result was made of is made again as well.
            assert {attempt["error"]["kind"] for event in report for attempt in event["attempts"]} == {"rows-lost"}
            assert {event["attempt"] for event in report} == {2}
        else:
            with pytest.raises(lh.FutureLostError, match="leaf `t`, partition 0") as caught:
                run.result(timeout=60)
            report = watch.check(run)
            assert caught.value.report == report and caught.value.key == future.key
            del caught
        # Every task has given its rows.
        assert report.is_ok
        del run, future


def test_a_run_is_cancelled_while_its_result_is_fetched(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from leafhold._cluster import ClusterRun

    asked: list[Any] = []
    monkeypatch.setattr(ClusterRun, "fetch", lambda self, done: asked.append(done))
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    watch = Watch()
    run = watch.run(frame, client)
    wait_until(lambda: asked)
    assert not run.done()
    run.cancel()
    with pytest.raises(lh.RunCancelledError) as caught:
        run.result(timeout=60)
    report = watch.check(run)
    assert caught.value.report == report
    # It comes too late.
    asked.pop()([arrow(0)], None)
    del run, caught, frame
    collect()


def _pid() -> int:
    import os

    return os.getpid()


def _after_file(name: str) -> None:
    wait_until(lambda: Path(name).exists(), seconds=60)
