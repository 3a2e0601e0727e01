"""Faults of tasks, workers and clients, one by one: what comes of each is in ARCHITECTURE.md. Laws T1 and T3."""

from __future__ import annotations

import os
import pickle
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import leafhold as lh
import pyarrow as pa
import pytest
from conftest import assert_empty, pairs, rows, totals, wait_until
from runs import BOTH, WANTED, Watch, below, executor_of, in_state, lazy_frame, reads, small_cluster
from tasks import Deadly, Failing, Gated, Hungry, Slow, arrow, numbers, same


@BOTH
def test_law_t3_a_task_that_raises(client: Any, executor: str) -> None:
    watch = Watch()
    lazy = lh.from_futures(client.map(numbers, range(2), pure=False), name="t")
    frame = lh.sql("select k, sum(b) as s from (select k, 1 / (a - 10) as b from t) as u group by k", t=lazy)
    run = watch.run(frame, executor_of(client, executor))
    with pytest.raises(lh.ComputeError, match="ivide by zero") as caught:
        run.result()
    report = watch.check(run)
    assert caught.value.report == report and not report.is_ok
    [failed] = in_state(report, "failed")
    assert "ivide by zero" in failed["error"]["message"] and failed["started_us"] is not None
    trace = failed["error"]["trace"]
    if executor == "cluster":
        assert trace.startswith("Traceback") and "in run_fragment" in trace and "ComputeError: " in trace
    # The operators at work; on a worker a note of the exception, which there are from Python 3.11 on.
    assert "rows so far" in trace or (executor == "cluster" and sys.version_info < (3, 11))
    assert in_state(report, "upstream-failed") and "failed" in report.to_text()
    # It is told again, and survives pickling, with what happened inside.
    with pytest.raises(lh.ComputeError) as again:
        run.result()
    assert pickle.loads(pickle.dumps(again.value)).report == report


def test_law_t3_a_remote_trace(client: Any) -> None:
    watch = Watch()
    run = watch.run(totals(lazy_frame(client, "cluster", [arrow(0), Failing("in the reader")])), client)
    with pytest.raises(lh.SchemaError, match="in the reader") as caught:
        run.result()
    report = watch.check(run)
    [failed] = in_state(report, "failed")
    assert failed["error"]["kind"] == "SchemaError"
    trace = failed["error"]["trace"]
    assert "ZeroDivisionError: in the reader" in trace and "tasks.py" in trace and "in fail" in trace
    assert caught.value.report == report
    # All that stands above it, which is all of the later stages.
    above = {event["task"] for event in report if event["stage"] > failed["stage"]}
    assert above and above == below(report, [failed["task"]])


def test_law_t3_a_task_that_raises_what_is_no_text(client: Any) -> None:
    # Half a surrogate pair, as in the name of a file that is no UTF-8: it cannot be sent, nor written down.
    workers, watch = client.run(os.getpid), Watch()
    run = watch.run(totals(lazy_frame(client, "cluster", [arrow(0), Failing("no data-\udcff.csv")])), client)
    with pytest.raises(lh.SchemaError, match="no data-") as caught:
        run.result(timeout=60)
    report = watch.check(run)
    assert caught.value.report == report
    [failed] = in_state(report, "failed")
    assert failed["attempt"] == 1
    assert all("no data-\\udcff.csv" in failed["error"][part] for part in ("message", "trace"))
    assert client.run(os.getpid) == workers, "whoever ran it goes on"


def test_retries_are_attempts_that_did_not_count(client: Any, tmp_path: Path) -> None:
    watch = Watch()
    frame = lh.sql(
        "select sum(a) as s from t", t=lazy_frame(client, "cluster", [Failing("now and then", str(tmp_path), 2)])
    )
    run = watch.run(frame, client, retries=2)
    assert run.result().to_pydict() == {"s": [10]}
    report = watch.check(run)
    [tried] = [event for event in report if event.get("attempts")]
    assert (tried["state"], tried["attempt"]) == ("ok", 3)
    for attempt in tried["attempts"]:
        assert "now and then" in attempt["error"]["message"] and "Traceback" in attempt["error"]["trace"], attempt
    # Everything that is said of a task has a column.
    table = report.to_pandas()
    assert {name.removesuffix("_us") for event in report for name in event} <= {"task", *table.columns}
    assert table["attempts"].tolist() == [event.get("attempts", []) for event in report]
    assert table["attempts"].str.len().sum() == 2


def test_retries_that_are_used_up(client: Any, tmp_path: Path) -> None:
    watch = Watch()
    frame = lh.sql("select sum(a) as s from t", t=lazy_frame(client, "cluster", [Failing("always", str(tmp_path))]))
    run = watch.run(frame, client, retries=1)
    with pytest.raises(lh.SchemaError, match="always"):
        run.result()
    [failed] = in_state(watch.check(run), "failed")
    assert (failed["attempt"], len(failed["attempts"])) == (2, 1)


def test_law_t1_a_worker_killed_in_the_middle_of_a_shuffle(tmp_path: Path) -> None:
    with small_cluster() as client:
        watch = Watch()
        values = [arrow(0), Gated(1, str(tmp_path)), arrow(2)]
        run = watch.run(pairs(lazy_frame(client, "cluster", values)), client)
        wait_until(lambda: reads(tmp_path))
        [[pid]] = reads(tmp_path).values()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(reads(tmp_path)[1]) == 2)
        (tmp_path / "open").touch()
        assert run.result() == pairs(lh.from_arrow(pa.concat_tables(map(arrow, range(3))))).compute()
        report = watch.check(run)
        assert report.is_ok
        # What it had finished before is made again as well: see test_lost_rows.py.
        [tried] = [event for event in report if (event["stage"], event["partition"]) == (0, 1)]
        assert (tried["state"], tried["attempt"]) == ("ok", 2)
        [lost] = tried["attempts"]
        assert lost["error"]["kind"] == "worker-lost" and "is gone" in lost["error"]["message"]
        assert lost["worker"] != tried["worker"] and lost["started_us"] is not None
        del run


@pytest.mark.parametrize("allowed", [0, 1])
def test_law_t1_a_task_whose_workers_die(allowed: int) -> None:
    with small_cluster(allowed_failures=allowed) as client:
        watch = Watch()
        run = watch.run(totals(lazy_frame(client, "cluster", [arrow(0), Deadly(1)])), client)
        with pytest.raises(lh.WorkerError, match="workers died") as caught:
            run.result()
        report = watch.check(run)
        assert caught.value.report == report
        [lost] = in_state(report, "lost")
        assert (lost["attempt"], len(lost.get("attempts", []))) == (allowed + 1, allowed)
        assert lost["error"]["kind"] == "worker-lost" and lost["started_us"] is not None
        assert in_state(report, "upstream-failed")
        del run, caught


def test_law_t1_a_task_that_outgrows_its_memory() -> None:
    # Dask's nanny ends a worker that has more than it may.
    limit = 1 << 30
    with small_cluster(workers=1, memory_limit=limit, allowed_failures=0) as client:
        watch = Watch()
        run = watch.run(totals(lazy_frame(client, "cluster", [arrow(0), Hungry(1, limit)])), client)
        with pytest.raises(lh.WorkerError, match="workers died") as caught:
            run.result(timeout=60)
        report = watch.check(run)
        assert caught.value.report == report
        [lost] = in_state(report, "lost")
        assert lost["error"]["kind"] == "worker-lost" and lost["started_us"] is not None and lost["partition"] == 1
        assert in_state(report, "upstream-failed")
        del run, caught


@BOTH
def test_law_t1_a_kernel_that_panics(client: Any, executor: str) -> None:
    # Nobody checks the indices of a dictionary when they come in, and whoever looks one up that is not there panics.
    broken = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), pa.array(["x"]), safe=False)
    tables = [pa.table({"d": pa.array(["x", "x"]).dictionary_encode()}), pa.table({"d": broken})]
    leaf, workers = lh.from_futures(client.map(same, tables, pure=False), name="t"), client.run(os.getpid)
    frame = lh.sql("select d || '!' as d, count(*) as n from t group by d || '!'", t=leaf)
    watch = Watch()
    run = watch.run(frame, executor_of(client, executor))
    with pytest.raises(lh.ComputeError, match="the engine panicked: index out of bounds") as caught:
        run.result(timeout=60)
    report = watch.check(run)
    assert caught.value.report == report
    [failed] = in_state(report, "failed")
    assert (failed["partition"], failed["attempt"]) == (1, 1) and "index out of bounds" in failed["error"]["message"]
    assert failed["error"]["trace"] and in_state(report, "upstream-failed")
    # Whoever ran it is still there, and goes on.
    assert executor == "local" or client.run(os.getpid) == workers
    assert lh.sql("select count(*) as n from t", t=leaf).compute(executor_of(client, executor)).to_pydict() == {"n": [4]}


def test_law_t1_random_kills() -> None:
    # Of each cluster three of four workers die, each at some moment of six runs. Whether others come in their place does not
    # matter.
    chance = random.Random(5)
    ok, lost, tried = 0, [], 0
    for _ in range(3):
        with small_cluster(workers=4, allowed_failures=10) as client:
            for victim in sorted(client.scheduler_info()["workers"])[:3]:
                runs = [_run_to_be_hit(client, kind) for kind in ("totals", "limit", "pairs", "limit", "totals", "limit")]
                time.sleep(chance.uniform(0.1, 0.7))
                os.kill(client.run(os.getpid, workers=[victim])[victim], signal.SIGKILL)
                for watch, run, wanted in runs:
                    try:
                        assert rows(run.result(timeout=60)) == wanted
                        ok += 1
                    except lh.FutureLostError as error:
                        assert error.report == run.report
                        lost.append(str(error))
                    report = watch.check(run)
                    tried += sum(len(event.get("attempts", [])) for event in report)
                del runs, watch, run, report
    # Dask makes what a leaf's future had again; one that it gives up meanwhile is named.
    assert all("leaf `t`, partition" in words and "was lost" in words for words in lost), lost
    assert ok + len(lost) == 54 and len(lost) <= 5, lost
    assert tried > 3, f"only {tried} attempts died with their worker: this tests nothing"


def _run_to_be_hit(client: Any, kind: str) -> tuple[Watch, Any, list[tuple]]:
    """A run that takes a while, and what it gives."""
    watch = Watch()
    if kind == "pairs":
        frame = pairs(lazy_frame(client, "cluster", [Slow(part, 0.1) for part in range(3)]))
        return watch, watch.run(frame, client), [(20, 240)]
    frame = lazy_frame(client, "cluster", [Slow(part, 0.1) for part in range(6)])
    if kind == "limit":
        # The rows of what was counted may die before the limit reads them.
        frame = lh.sql("select count(*) from (select a from t limit 9)", t=frame)
        return watch, watch.run(frame, client), [(9,)]
    return watch, watch.run(totals(frame), client), [(0, 42, 6), (1, 48, 6)]


def test_law_t1_the_client_is_closed_with_a_run_in_flight(_cluster: Any, tmp_path: Path) -> None:
    from distributed import Client

    watch = Watch()
    with Client(_cluster, set_as_default=False) as client:
        frame = totals(lazy_frame(client, "cluster", [arrow(0), Gated(1, str(tmp_path))]))
        run = watch.run(frame, client)
        wait_until(lambda: reads(tmp_path))
    with pytest.raises(lh.FutureLostError, match="client.*closed") as caught:
        run.result(timeout=60)
    (tmp_path / "open").touch()
    report = watch.check(run)
    assert caught.value.report == report
    assert in_state(report, "lost") and not report.is_ok
    del frame, run, caught
    with Client(_cluster, set_as_default=False) as client:
        assert_empty(client)


@pytest.mark.parametrize("how", ["was restarted", "lost the connection to its scheduler"])
def test_law_t1_nothing_more_is_heard_of_a_run_in_flight(how: str, tmp_path: Path) -> None:
    with small_cluster() as client:
        watch = Watch()
        run = watch.run(totals(lazy_frame(client, "cluster", [Gated(0, str(tmp_path)), arrow(1)])), client)
        wait_until(lambda: reads(tmp_path) and watch.events)
        if how == "was restarted":
            client.restart(wait_for_workers=False)
        else:
            # It connects again, and Dask has given up all that it had.
            client.loop.add_callback(client.scheduler_comm.abort)
        with pytest.raises(lh.FutureLostError, match=f"the client {how} while the run was under way") as caught:
            run.result(timeout=60)
        (tmp_path / "open").touch()
        report = watch.check(run)
        assert caught.value.report == report
        # What ran, nobody knows any more; what had ended had.
        [lost] = in_state(report, "lost")
        assert lost["started_us"] is not None and lost["attempt"] == 1
        assert len(in_state(report, "ok")) == 1 and len(in_state(report, "upstream-failed")) == len(report) - 2
        del run, caught
        wait_until(lambda: client.status == "running")


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
