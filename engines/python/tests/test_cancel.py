"""Runs that somebody stops, or that nobody wants any more."""

from __future__ import annotations

import gc
import signal
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import leafhold as lh
import pyarrow as pa
import pytest
from conftest import collect, rows, totals, wait_until
from runs import BOTH, Watch, executor_of, in_state, lazy_frame, reads
from tasks import Gated, arrow


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
