"""Faults, one by one: what comes of each is in ARCHITECTURE.md. Laws T1, T3 and L5."""

from __future__ import annotations

import gc
import json
import os
import pickle
import random
import signal
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import leafhold as lh
import pyarrow as pa
import pytest
from conftest import assert_empty, collect, pairs, rows, totals, wait_until
from runs import (
    BOTH,
    WANTED,
    Watch,
    assert_names,
    below,
    executor_of,
    in_state,
    lazy_frame,
    reads,
    slow_future,
    small_cluster,
)
from tasks import Deadly, Failing, Gated, Hungry, Slow, after_event, arrow, numbers, same


def test_a_chain_of_runs_on_a_cluster(client: Any) -> None:
    # Each link is a task that reads the one before, and each frame owns what it was made from.
    links = 1_000
    frame = lh.from_futures([client.submit(numbers, 0, pure=False)])
    for _ in range(links):
        frame = lh.sql("select a + 1 as a, k from t", t=frame).persist(client)
    watch = Watch()
    run = watch.run(lh.sql("select sum(a) as s from t", t=frame), client)
    assert run.result().to_pydict() == {"s": [10 + 2 * links]}
    assert watch.check(run).is_ok


def test_a_chain_of_10_000_tasks_in_one_run(client: Any) -> None:
    _check_chain(client, 5_000)


def _check_chain(client: Any, links: int) -> None:
    base = lh.from_futures([client.submit(numbers, 0, pure=False)])
    link = "select k, max(a) + 1 as a from (select a, k from t union all select a, k from u) as v group by k"
    frame = base
    for _ in range(links):
        # One task gathers, the other one groups: an exchange is between them.
        frame = lh.sql(link, t=frame, u=base)
    watch = Watch()
    run = watch.run(frame, client)
    assert run.result().to_pydict() == {"k": [0], "a": [10 + links]}
    report = watch.check(run)
    assert report.is_ok and len(report) >= 2 * links
    # Everything after the first leaf's reader comes one after the other.
    assert len(report.critical_path) >= 2 * links


def test_one_look_per_worker_after_what_runs(client: Any) -> None:
    # Tasks that follow one another at once, for a while.
    frame = lazy_frame(client, "cluster", [Slow(part, 0.02) for part in range(60)])
    run = lh.sql("select sum(a) as s from t", t=frame).run(client)
    most = 0
    while not run.done():
        most = max(most, *client.run(_looks).values())
    assert most == 1 and run.result().to_pydict() == {"s": [sum(2 * part + 10 for part in range(60))]}


async def _looks() -> int:
    import asyncio

    return sum(task.get_coro().__name__ == "_look" for task in asyncio.all_tasks())


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


@BOTH
@pytest.mark.parametrize("when", ["before", "planned", "during"])
@pytest.mark.parametrize("how", ["fails", "is cancelled"])
def test_law_l5_a_future_that_gives_no_data(client: Any, executor: str, when: str, how: str, tmp_path: Path) -> None:
    from conftest import cancel
    from distributed import Event, wait

    event = Event(f"gate-{tmp_path}", client=client)
    bad = client.submit(after_event, event.name, how == "fails", pure=False)
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
    run = watch.run(frame, executor_of(client, executor))
    if when == "during":
        # The task that reads the other partition has run.
        wait_until(lambda: watch.events)
        happen()
    kind = lh.FutureFailedError if how == "fails" else lh.FutureCancelledError
    with pytest.raises(kind, match="leaf `t`, partition 1") as caught:
        run.result(timeout=60)
    report = watch.check(run)
    assert_names(caught.value, report, "t", 1, bad, "ZeroDivisionError: no data" if how == "fails" else "cancelled")
    assert in_state(report, "upstream-failed")


@BOTH
@pytest.mark.parametrize("when", ["before", "planned", "during"])
def test_law_l5_a_future_that_is_lost(executor: str, when: str, tmp_path: Path) -> None:
    # The one worker that has the data, and what was made of them.
    with small_cluster(workers=1) as client:
        late = executor == "cluster" and when == "during"
        # Nothing that reads it comes to its end before.
        [scattered] = client.scatter([Gated(1, str(tmp_path)) if late else numbers(0)], hash=False)
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
        run = watch.run(frame, executor_of(client, executor))
        if when == "during":
            wait_until(lambda: reads(tmp_path) if late else watch.events)
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
            assert_names(caught.value, report, "numbers", 1, scattered, "lost")
            assert in_state(report, "upstream-failed")
            del caught
        (tmp_path / "open").touch()
        del scattered, others, frame, run, happen, watch


def test_what_a_leafs_future_may_be_to_blame_for() -> None:
    from distributed import CancelledError, KilledWorker
    from leafhold._cluster import is_of

    failed, cancelled, lost = lh.FutureFailedError("f"), lh.FutureCancelledError("c"), lh.FutureLostError("l")
    killed = [KilledWorker(key, SimpleNamespace(address="tcp://worker"), 1) for key in ("leaf", "task")]
    own = lh.ComputeError("a task's own")
    # What it raised is what its readers raise, as another object of perhaps other words.
    failed.__cause__ = ValueError(object())
    assert is_of(ValueError(object()), failed) and not is_of(KeyError("other"), failed)
    assert not is_of(own, failed) and not is_of(killed[0], failed)
    failed.__cause__ = killed[0]
    assert is_of(killed[0], failed) and not is_of(killed[1], failed)
    failed.__cause__ = lh.ComputeError("the leaf's")
    assert is_of(lh.ComputeError("the leaf's"), failed) and not is_of(own, failed)
    assert is_of(CancelledError("task"), cancelled) and not is_of(own, cancelled) and not is_of(killed[0], cancelled)
    # The worker that a task killed may have had the data.
    assert is_of(CancelledError("task"), lost) and is_of(killed[0], lost) and not is_of(own, lost)


def _after_file(name: str) -> Any:
    wait_until(lambda: Path(name).exists(), seconds=60)
    return numbers(2)


# ---- cancelling ---------------------------------------------------------------------------------------------------


@BOTH
def test_cancel(client: Any, executor: str, tmp_path: Path) -> None:
    watch = Watch()
    if executor == "cluster":
        frame = totals(lazy_frame(client, executor, [arrow(0), Gated(1, str(tmp_path))]))
    else:
        never: Future = Future()
        frame = totals(lh.from_futures([never], schema=arrow(0)))
    run = watch.run(frame, executor_of(client, executor))
    if executor == "cluster":
        wait_until(lambda: reads(tmp_path))
    assert not run.done() and not run.wait(0.1) and "under way" in repr(run)
    with pytest.raises(TimeoutError):
        run.result(timeout=0.1)
    run.cancel()
    run.cancel()
    with pytest.raises(lh.RunCancelledError) as caught:
        run.result(timeout=60)
    report = watch.check(run)
    assert caught.value.report == report and in_state(report, "cancelled") and not in_state(report, "failed")
    (tmp_path / "open").touch()
    if executor == "cluster":
        # It reads what nobody can interrupt.
        [silent] = [event for event in in_state(report, "cancelled") if event.get("started_us") is not None]
        assert silent["error"]["kind"] == "no-answer"
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
    [stopped] = [event for event in in_state(report, "cancelled") if event.get("started_us") is not None]
    assert stopped.get("error") is None, "it said so itself"
    wait_until(lambda: not any(client.run(_executing).values()))


def _executing() -> list[str]:
    from leafhold import _measure

    return [execution.key for running in _measure._running.values() for execution in running]


def test_ctrl_c_ends_a_run_on_a_cluster(client: Any, tmp_path: Path) -> None:
    watch = Watch()
    frame = totals(lazy_frame(client, "cluster", [arrow(0), Gated(1, str(tmp_path))]))
    run = watch.run(frame, client)

    def press() -> None:
        wait_until(lambda: reads(tmp_path))
        signal.raise_signal(signal.SIGINT)

    # A process in the background of a shell is started with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread = threading.Thread(target=press)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            run.result()
        thread.join()
        # It goes on until nobody wants it any more.
        assert not run.done()
        del run
        wait_until(lambda: watch.finished, collect)
    finally:
        signal.signal(signal.SIGINT, before)
    report = watch.check_report(watch.finished[0])
    assert set(report.states) <= {"ok", "cancelled"} and in_state(report, "cancelled")
    (tmp_path / "open").touch()
    assert rows(frame.compute(client)) == [(0, 10, 2), (1, 12, 2)]


@BOTH
def test_a_run_that_nobody_wants_any_more_is_cancelled(client: Any, executor: str, tmp_path: Path) -> None:
    watch = Watch()
    if executor == "cluster":
        frame = totals(lazy_frame(client, executor, [Gated(1, str(tmp_path))]))
    else:
        frame = totals(lh.from_futures([Future()], schema=arrow(0)))
    run = watch.run(frame, executor_of(client, executor))
    if executor == "cluster":
        wait_until(lambda: reads(tmp_path))
    del run
    gc.collect()
    wait_until(lambda: watch.finished)
    report = watch.check_report(watch.finished[0])
    assert set(report.states) == {"cancelled"}
    (tmp_path / "open").touch()


# ---- observers ----------------------------------------------------------------------------------------------------


def test_law_t1_a_book_that_hears_nonsense() -> None:
    """Python feeds the book, and cannot make it break the law: 300 random stories."""
    chance = random.Random(1)
    frame = totals(lh.from_futures([slow_future(0) for _ in range(3)], schema=arrow(0)))
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
        "peak_execution_memory": chance.choice([None, 1 << 10]),
        "error": None,
    }
