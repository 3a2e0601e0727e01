"""Runs that go well, and what their reports say, on threads of this process and on a cluster: laws T1, T2 and F1.

Every planned task has exactly one terminal event, and every handle is released once (which `conftest.py` checks after each
test). Runs that do not go well are in `test_faults.py`, and in what it names.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import time
import weakref
from pathlib import Path
from typing import Any

import leafhold as lh
import numpy as np
import perfetto_format
import pyarrow as pa
import pytest
import trace_format
from conftest import TOTALS, collect, rows, totals, wait_until
from runs import BOTH, STATES, WANTED, Watch, executor_of, in_state, lazy_frame, reads, slow_future, small_cluster
from tasks import Failing, Gated, Large, Slow, Waiting, Witness, arrow, numbers


@BOTH
def test_law_t1_a_run_that_goes_well(client: Any, executor: str) -> None:
    watch = Watch()
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    run = watch.run(frame, executor_of(client, executor))
    assert rows(run.result()) == rows(run.result()) == WANTED
    report = watch.check(run)
    assert report.is_ok and set(report.states) <= {"ok", "skipped"} and run.done()
    merged = [event for event in report if event["task"] in report.critical_path]
    assert merged and all(event["started_us"] is not None for event in merged)
    # The tasks that give the result have its rows.
    assert sum(event["rows"] for event in report if event["task"] == report.critical_path[-1]) > 0
    assert all(event["bytes_out"] > 0 for event in in_state(report, "ok"))
    if executor == "cluster":
        workers = set(client.scheduler_info()["workers"])
        ran = in_state(report, "ok")
        # Another thread of a worker has a number behind the address.
        assert {"/".join(event["worker"].split("/")[:3]) for event in ran} <= workers
        assert all(event["host"] for event in ran)
    assert watch.threads == {os.getpid()}


@BOTH
def test_law_t1_many_runs_at_once(client: Any, executor: str) -> None:
    frames = [totals(lh.from_futures(client.map(numbers, range(3), pure=False))) for _ in range(3)]
    watches = [Watch() for _ in range(2 * len(frames))]
    # Two runs of each frame are the same work, under the same keys.
    runs = [watch.run(frames[at // 2], executor_of(client, executor)) for at, watch in enumerate(watches)]
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
    assert report.is_ok and not in_state(report, "ok") and in_state(report, "cached")
    del kept, run, frame
    collect()


def test_law_t2_times_are_taken_where_the_task_runs(client: Any) -> None:
    ran = float("inf")
    # A machine with other work may wake a sleeper late; not each of three times.
    for _ in range(3):
        watch = Watch()
        frame = lh.sql("select sum(a) as s from t", t=lazy_frame(client, "cluster", [Slow(0, 2.0), arrow(1)]))
        run = watch.run(frame, client)
        run.result()
        report = watch.check(run)
        slept = [event for event in report if event["ended_us"] - event["started_us"] >= 2.0e6]
        assert slept and all(event["ended_us"] <= report.wall * 1e6 for event in slept)
        [first] = [event for event in slept if (event["stage"], event["partition"]) == (0, 0)]
        ran = min(ran, first["ended_us"] - first["started_us"])
        if ran <= 2.2e6:
            return
    pytest.fail(f"the least of three times is {ran} us")


def test_law_t2_here_whoever_reads_a_future_reads_it_before_the_task_starts() -> None:
    watch = Watch()
    run = watch.run(lh.sql("select sum(a) as s from t", t=lh.from_futures([slow_future(2.0)], schema=arrow(0))), "local")
    run.result()
    report = watch.check(run)
    [first, *_] = [event for event in report if event.get("ready_us", 0) >= 1.9e6]
    assert first["started_us"] >= first["ready_us"]
    # Of what came after the wait; a busy machine may have stopped it, though hardly for so long.
    assert all(event["ended_us"] - event["started_us"] < 1e6 for event in report)


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


def test_law_t2_a_first_word_that_waited_for_the_client_places_nothing(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leafhold import _events

    # The workers' clock is none of this process's, so its offset is estimated; and the first word comes an hour late.
    monkeypatch.setattr(_events, "clock", lambda: "the clock of this machine")
    monkeypatch.setattr(_events, "_events", weakref.WeakKeyDictionary())
    hour, heard, hear = 3_600 * 10**9, [], _events.Events._task

    def late(self: Any, event: tuple[float, Any]) -> None:
        heard.append(event[1]["what"])
        hear(self, (event[0], event[1] | {"sent": event[1]["sent"] - hour}) if len(heard) == 1 else event)

    monkeypatch.setattr(_events.Events, "_task", late)
    watch = Watch()
    run = watch.run(totals(lazy_frame(client, "cluster", [Gated(0, str(tmp_path)), arrow(1)])), client)
    wait_until(lambda: reads(tmp_path) and "ok" in heard)
    (tmp_path / "open").touch()
    assert rows(run.result()) == [(0, 10, 2), (1, 12, 2)]
    # Nothing ended after the run had; that is what `check` looks at, too.
    report = watch.check(run)
    [gated] = [event for event in report if (event["stage"], event["partition"]) == (0, 0)]
    assert gated["started_us"] < gated["ended_us"] <= report.wall * 1e6


def test_law_t2_an_execution_for_another_run_counts_from_the_beginning_of_this_one(client: Any, tmp_path: Path) -> None:
    frame = totals(lazy_frame(client, "cluster", [Gated(0, str(tmp_path)), arrow(1)]))
    watches = [Watch(), Watch()]
    runs = [watches[0].run(frame, client)]
    wait_until(lambda: reads(tmp_path))
    runs.append(watches[1].run(frame, client))
    wait_until(lambda: watches[1].submitted)
    (tmp_path / "open").touch()
    took = []
    for watch, run in zip(watches, runs):
        assert rows(run.result()) == [(0, 10, 2), (1, 12, 2)]
        [gated] = [event for event in watch.check(run) if (event["stage"], event["partition"]) == (0, 0)]
        assert gated["state"] == "ok" and gated["rows"] == 2
        took.append((gated["started_us"], gated["ended_us"]))
    # One execution: the second run has the part that ran during it.
    (began, ended), (at, until) = took
    assert began > 0 and at == 0 and 0 < until <= ended - began
    assert len(reads(tmp_path)[0]) == 1


def test_threads_of_a_worker_are_told_apart(tmp_path: Path) -> None:
    with small_cluster(workers=1, threads=2) as client:
        watch = Watch()
        values = [Gated(part, str(tmp_path)) for part in range(2)]
        frame = lh.sql("select a + 1 as a from t", t=lazy_frame(client, "cluster", values))
        run = watch.run(frame, client, work_observers={"w": Witness()})
        wait_until(lambda: len(reads(tmp_path)) == 2)
        (tmp_path / "open").touch()
        run.result(timeout=60)
        report = watch.check(run)
        [address] = client.scheduler_info()["workers"]
        assert {event["worker"] for event in report} == {address, f"{address}/1"}
        for event in report:
            assert event["observed"]["w"]["context"]["worker"] == event["worker"]
        assert "on 1 workers" in report.to_text()
        del run, frame


needs_proc = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells")


@needs_proc
def test_peak_memory_is_measured_where_the_task_runs() -> None:
    size = 1 << 28
    with small_cluster(workers=1) as client:
        peaks = []
        for value in (Large(0, size), arrow(0)):
            [event] = _lazy_scan(client, [value])
            peaks.append(event["peak_memory"])
        # That the one process had much before is nothing to the task that comes after.
        assert peaks[0] >= size and peaks[0] - peaks[1] > size // 2, peaks
        with pytest.raises(lh.SchemaError) as caught:
            _lazy_scan(client, [Failing("with memory")])
        [failed] = in_state(caught.value.report, "failed")
        assert failed["peak_memory"] > 0
        del caught
        collect()


@needs_proc
def test_peak_memory_of_several_tasks_of_a_process_is_nobodys(in_process: Any, tmp_path: Path) -> None:
    values = [Gated(part, str(tmp_path)) for part in range(2)]
    run = lh.sql("select a + 1 as a from t", t=lazy_frame(in_process, "cluster", values)).run(in_process)
    wait_until(lambda: len(reads(tmp_path)) == 2)
    (tmp_path / "open").touch()
    run.result()
    assert [event.get("peak_memory") for event in run.report] == [None, None]


@BOTH
def test_peak_execution_memory_is_what_operators_held(client: Any, executor: str) -> None:
    rows = 100_000
    table = pa.table({"a": pa.array(range(rows, 0, -1), pa.int64())})
    peaks = {}
    for query in ("select a from t where a > 5", "select a from t order by a"):
        run = lh.sql(query, t=table).run(executor_of(client, executor))
        run.result()
        peaks[query] = max((event.get("peak_execution_memory") or 0) for event in run.report.events)
    filtered, sorted_ = peaks.values()
    assert filtered == 0 and sorted_ >= 8 * rows


def _lazy_scan(client: Any, values: list[Any]) -> list[dict[str, Any]]:
    """What becomes of tasks that read a partition each."""
    run = lh.sql("select a + 1 as a from t", t=lazy_frame(client, "cluster", values)).run(client)
    run.result()
    return run.report.events


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
    run = watch.run(frame, executor_of(client, executor))
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
    assert (
        rows_of["n"].equals(given["n"])
        and rows_of["k"].fill_null(99).to_numpy().tobytes() == given["k"].fill_null(99).to_numpy().tobytes()
    )


# ---- limits -------------------------------------------------------------------------------------------------------


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
    run = frame.run(executor_of(client, executor), progress=True)
    run.result()
    drawn = capfd.readouterr().err
    count = len(run.report)
    assert f"0 of {count} tasks" in drawn and f"{count} ok" in drawn.splitlines()[-1]


# ---- forms of a report --------------------------------------------------------------------------------------------


@BOTH
def test_forms_of_a_report(client: Any, executor: str, tmp_path: Path) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    report = frame.run(executor_of(client, executor)).report
    lines = report.to_jsonl(tmp_path / "run.jsonl")
    assert (tmp_path / "run.jsonl").read_text() == lines
    assert lh.RunReport.from_jsonl(lines) == pickle.loads(pickle.dumps(report)) == report
    trace = json.loads(report.to_chrome(tmp_path / "run.json"))
    slices = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert len(slices) >= len(in_state(report, "ok"))
    trace = report.to_perfetto(tmp_path / "run.pftrace")
    assert (tmp_path / "run.pftrace").read_bytes() == trace == report.to_perfetto()
    table = report.to_pandas()
    assert list(table.index) == list(range(len(report))) and set(table["state"]) <= STATES
    ran = table[table["started"].notna()]
    assert (ran["duration"].dt.total_seconds() > 0).all() and (ran["duration"] <= ran["ended"]).all()
    assert table["rows"].sum() == sum(event["rows"] for event in report)
    assert table["spilled_bytes"].eq(0).all()
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
    attempts = tmp_path / "attempts"
    attempts.mkdir()
    with small_cluster(workers=3) as client:
        watch = Watch()
        values = [
            arrow(0),
            Gated(1, str(tmp_path)),
            Failing("now and then", str(attempts), 1),
            Waiting(Failing("always"), str(tmp_path), "open"),
        ]
        run = watch.run(totals(lazy_frame(client, "cluster", values)), client, retries=1)
        wait_until(lambda: reads(tmp_path))
        os.kill(reads(tmp_path)[1][0], signal.SIGKILL)
        wait_until(lambda: len(reads(tmp_path)[1]) == 2 and len(list(attempts.iterdir())) == 2)
        (tmp_path / "open").touch()
        with pytest.raises(lh.SchemaError, match="always") as caught:
            run.result(timeout=60)
        report = watch.check(run)
        checked = trace_format.check(report.to_chrome())
        # One slice of each attempt, what did not count included, and an instant of what never ran.
        attempts_of = {event["task"]: len(event.get("attempts", [])) for event in report}
        ran = [event["task"] for event in report if event.get("started_us") is not None]
        for task in ran:
            slices = [slice for slice in checked.slices if slice.get("task") == task]
            assert len(slices) == attempts_of[task] + 1, (report[task], slices)
        assert sum(attempts_of.values()) >= 3
        # Whatever read something and ran has an arrow from it, unless it was there before.
        sources = {to["task"] for _, to in checked.arrows}
        assert sources <= set(ran)
        del caught, run
        collect()


@BOTH
def test_law_f1_traces_of_runs_that_go_well(client: Any, executor: str) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(20), pure=False)))
    report = frame.run(executor_of(client, executor)).report
    checked = trace_format.check(report.to_chrome())
    ran = {event["task"] for event in report if event.get("started_us") is not None}
    assert {slice["task"] for slice in checked.slices if "task" in slice} == ran
    assert checked.arrows


@BOTH
def test_law_f1_perfetto_reads_traces_of_its_own_schema(client: Any, executor: str) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(20), pure=False)))
    report = frame.run(executor_of(client, executor)).report
    slices, instants = perfetto_format.check(report.to_perfetto())
    said = {slice.args["task"]: slice for slice in slices if slice.category not in ("run", "retried", "given-up")}
    ran = {event["task"]: event for event in report if event.get("started_us") is not None}
    assert said.keys() == ran.keys() and len(slices) == len(ran) + 1
    assert {instant.args["task"] for instant in instants} == set(range(len(report))) - ran.keys()
    for task, event in ran.items():
        slice = said[task]
        assert (slice.name, slice.category) == (event["label"], event["state"])
        for name in ("stage", "partition", "attempt"):
            assert slice.args[name] == event[name]
        # What is nothing is left out.
        for name in ("rows", "bytes_in", "bytes_out"):
            assert slice.args.get(name, 0) == event[name]
        assert slice.started == round(event["started_us"] * 1e3) and slice.ended == round(event["ended_us"] * 1e3)


@BOTH
def test_what_is_said_of_a_run_has_a_property_each(client: Any, executor: str) -> None:
    watch = Watch()
    run = watch.run(totals(lh.from_futures(client.map(numbers, range(3), pure=False))), executor_of(client, executor))
    assert rows(run.result()) == WANTED
    report = watch.check(run)
    said = json.loads(report.to_jsonl().partition("\n")[0])
    assert report.stages == said["stages"] == watch.submitted[0]["stages"]
    assert report.flows["complete"] and [list(pair) for pair in report.flows["pairs"]] == said["flows"]["pairs"] != []
    assert report.node_rows == {int(node): count for node, count in said["node_rows"].items()} != {}
    for name in ("workers", "peak_ports", "peak_bytes", "critical_path", "c_out"):
        assert getattr(report, name) == said.get(name), name
    assert report.spilled_bytes == 0 and report.peak_result_bytes == said.get("peak_result_bytes", 0)
    # What rows between tasks took is known where they are.
    if executor == "cluster":
        assert report.workers == len({"/".join(event["worker"].split("/")[:3]) for event in in_state(report, "ok")})
        assert report.peak_ports is None and report.peak_bytes is None
    else:
        assert report.workers == os.cpu_count() and report.peak_bytes > report.peak_ports > 0
    # Nothing is left that only JSON lines say.
    names = said.keys() - {"leafhold_report", "tasks"}
    assert all(hasattr(report, name.removesuffix("_unix_us").removesuffix("_us")) for name in names)


def test_reports_that_are_none() -> None:
    for bad in ("", "{}", "[]", "nonsense"):
        with pytest.raises(ValueError):
            lh.RunReport.from_jsonl(bad)


def test_options_that_are_none() -> None:
    frame = lh.from_arrow(arrow(0))
    for option, bad in (
        ("threads", (0, -1, 1_025, 1 << 40, 1 << 64)),
        ("retries", (-1, 1 << 32, 1 << 64)),
        ("memory_limit", (-1, 1 << 64, float("inf"))),
    ):
        for number in bad:
            with pytest.raises(lh.PlanError, match=f"{option}={number!r} is out of bounds; give a number from [01] to"):
                frame.run(**{option: number})
    # Those at the bounds are some.
    most: dict[str, Any] = {"threads": 1_024, "retries": (1 << 32) - 1, "memory_limit": (1 << 64) - 1}
    assert frame.compute(**most) == frame.compute(threads=1, memory_limit=0) == arrow(0)


def test_options_of_this_process_are_none_of_a_cluster(client: Any) -> None:
    frame = lh.from_arrow(arrow(0))
    for options, setting in (({"threads": 2}, "--nthreads"), ({"memory_limit": 1 << 20}, "--memory-limit")):
        for start in (frame.run, frame.compute):
            with pytest.raises(lh.PlanError, match=f"{next(iter(options))}=.*{setting}"):
                start(client, **options)


def test_computing_takes_the_options_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, given = lh.from_arrow(arrow(0)), []
    run = lh.Frame.run
    monkeypatch.setattr(lh.Frame, "run", lambda self, *at, **options: given.append(options) or run(self, *at, **options))
    options = {"threads": 1, "retries": 2, "memory_limit": 1 << 20, "progress": False}
    assert frame.compute(**options) == arrow(0)
    assert given == [options]


def test_a_memory_limit_here() -> None:
    table = pa.table({"a": list(range(50_000)), "k": [row % 100 for row in range(50_000)]})
    frame = lh.sql(TOTALS, t=table)
    run = frame.run(memory_limit=1 << 16, threads=2)
    assert rows(run.result()) == rows(frame.compute()) and run.report.is_ok
    # Rows between tasks and what operators wrote: no less than the latter.
    assert run.report.spilled_bytes >= sum(event.get("spilled_bytes", 0) for event in run.report)


# ---- the book alone -----------------------------------------------------------------------------------------------
