"""Frames on this machine: Arrow data in and out, futures of this process."""

from __future__ import annotations

import datetime
import decimal
import gc
import signal
import subprocess
import sys
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import collect, rows, totals, wait_until
from tasks import arrow, fail, numbers

import leafhold as lh
from leafhold import _leafhold

TABLES = {
    "pyarrow.Table": lambda: pa.table({"a": [1, 2], "b": ["x", None]}),
    "several chunks": lambda: pa.concat_tables([pa.table({"a": [1], "b": ["x"]}), pa.table({"a": [2], "b": ["y"]})]),
    "no rows": lambda: pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}),
    "pyarrow.RecordBatch": lambda: pa.record_batch({"a": [1, 2], "b": ["x", None]}),
    "pandas": lambda: pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[7, 8]),
    "a stream": lambda: _Stream(pa.table({"a": [1, 2], "b": ["x", None]})),
    "an array of structs": lambda: _Array(pa.record_batch({"a": [1, 2], "b": ["x", None]})),
}


class _Stream:
    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


class _Array:
    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self.batch.__arrow_c_array__(requested_schema)


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_every_kind(kind: str) -> None:
    value = TABLES[kind]()
    frame = lh.from_arrow(value)
    assert frame.schema.names == ["a", "b"]
    again = frame.compute()
    plain = value.table if isinstance(value, _Stream) else value.batch if isinstance(value, _Array) else value
    wanted = plain.to_dict("list") if isinstance(plain, pd.DataFrame) else plain.to_pydict()
    assert again.to_pydict() == wanted


def test_types_come_back_as_they_went() -> None:
    table = pa.table(
        {
            "bool": pa.array([True, None]),
            "int8": pa.array([1, None], pa.int8()),
            "uint64": pa.array([2**63, None], pa.uint64()),
            "float32": pa.array([1.5, None], pa.float32()),
            "decimal": pa.array([decimal.Decimal("1.25"), None], pa.decimal128(10, 2)),
            "date": pa.array([datetime.date(2024, 2, 29), None]),
            "time": pa.array([datetime.datetime(2024, 1, 1, 12, 30), None], pa.timestamp("us", "Europe/Vienna")),
            "duration": pa.array([datetime.timedelta(seconds=5), None], pa.duration("ms")),
            "text": pa.array(["ä", None]),
            "large": pa.array(["b", None], pa.large_string()),
            "view": pa.array(["c", None], pa.string_view()),
            "bytes": pa.array([b"\0", None]),
            "list": pa.array([[1, 2], None]),
            "struct": pa.array([{"x": 1, "y": "z"}, None]),
            "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            "dictionary": pa.array(["d", None]).dictionary_encode(),
        }
    )
    result = lh.sql("select * from t", t=table).compute()
    assert result == table and result.schema == table.schema


def test_columns_without_columns() -> None:
    assert lh.sql("select count(*) as n from t", t=arrow(0)).compute().to_pydict() == {"n": [2]}
    assert lh.sql("select 1 as one").compute().to_pydict() == {"one": [1]}


def test_frames_are_tables_of_queries() -> None:
    base = lh.sql("select a, k from t where a > 0", t=arrow(0))
    joined = lh.sql("select l.a, r.a as b from l join r on l.k = r.k", l=base, r=numbers(0))
    assert rows(joined.compute()) == [(10, 0), (10, 10)]
    assert rows(lh.sql("select * from l union all select * from l", l=base).compute()) == [(10, 0), (10, 0)]


def test_equal_work_is_equal() -> None:
    assert totals(lh.from_arrow(arrow(0), name="t")) == totals(lh.from_arrow(arrow(0), name="t"))
    assert totals(lh.from_arrow(arrow(0), name="t")) != totals(lh.from_arrow(arrow(1), name="t"))
    assert len({lh.from_arrow(arrow(0)), lh.from_arrow(arrow(0)), lh.from_arrow(arrow(1))}) == 2


def test_plans_are_the_same_in_every_process_and_name_no_keys() -> None:
    program = (
        "import leafhold as lh, pyarrow as pa\n"
        "from concurrent.futures import Future\n"
        "def part(n):\n    future = Future(); future.set_result(pa.table({'a': [n], 'k': [0]})); return future\n"
        "frame = lh.from_futures([part(n) for n in range(3)], name='numbers')\n"
        "print(lh.sql('select k, sum(a) as s from t group by k', t=frame).explain())\n"
    )
    texts = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    [text] = texts
    assert "read numbers future#0..2" in text and "future-" not in text


def test_pending_futures() -> None:
    futures: list[Future] = [Future() for _ in range(3)]
    frame = totals(lh.from_futures(futures, schema=arrow(0)))
    for part, future in enumerate(futures):
        threading.Timer(0.1 * (3 - part), future.set_result, [arrow(part)]).start()
    assert rows(frame.compute()) == [(0, 24, 4), (1, 12, 2)]


def test_one_future_is_one_leaf() -> None:
    future: Future = Future()
    future.set_result(arrow(0))
    assert lh.from_futures([future]).token == lh.from_futures([future]).token
    other: Future = Future()
    other.set_result(arrow(0))
    assert lh.from_futures([future]).token != lh.from_futures([other]).token


def test_law_l1_and_l2_futures_of_this_process() -> None:
    future: Future = Future()
    future.set_result(arrow(0))
    gone = weakref.ref(future)
    frame = totals(lh.from_futures([future]))
    del future
    collect()
    assert gone() is not None
    assert rows(frame.compute()) == rows(frame.compute()) == [(0, 10, 2)]
    del frame
    collect()
    assert gone() is None


def test_a_future_that_fails_and_one_that_is_cancelled() -> None:
    with ThreadPoolExecutor() as pool:
        gate = threading.Event()

        def late() -> pa.Table:
            gate.wait(60)
            return fail("late")

        frame = totals(lh.from_futures([pool.submit(arrow, 0), pool.submit(late)], schema=arrow(0), name="t"))
        gate.set()
        with pytest.raises(lh.FutureFailedError, match="leaf `t`, partition 1.*late") as caught:
            frame.compute()
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert "failed" in caught.value.report.states
    cancelled: Future = Future()
    frame = lh.from_futures([cancelled], schema=arrow(0), name="t")
    cancelled.cancel()
    cancelled.set_running_or_notify_cancel()
    with pytest.raises(lh.FutureCancelledError, match="leaf `t`, partition 0"):
        frame.compute()


@pytest.mark.parametrize("failing", ["a", "b", "ab"])
@pytest.mark.parametrize("other", [KeyError, lh.PlanError])
def test_leaves_of_one_name_have_causes_of_their_own(failing: str, other: type[Exception]) -> None:
    raised, tables = {"a": ValueError("of a"), "b": other("of b")}, {}
    for name, cause in raised.items():
        future: Future = Future()
        if name in failing:
            future.set_exception(cause)
        else:
            future.set_result(arrow(0))
        # Nobody says how the leaf is called, so it is called as the other one.
        tables[name] = lh.from_futures([future], schema=arrow(0))
    with pytest.raises(lh.LeafholdError) as caught:
        lh.sql("select b.a from a right join b on a.k = b.k", **tables).compute()
    error = caught.value
    [blamed] = [name for name in failing if f"of {name}" in str(error)]
    assert (error.leaf, error.partition) == ("futures", 0)
    if isinstance(raised[blamed], lh.LeafholdError):
        # Leafhold's own errors come as themselves.
        assert type(error) is type(raised[blamed])
    else:
        assert type(error) is lh.FutureFailedError and error.__cause__ is raised[blamed]


def _once_awaited(future: Future, call: Any, *args: Any) -> None:
    """Calls once somebody waits for the future, which is a run that is under way."""
    wait_until(lambda: future._done_callbacks)
    call(*args)


def test_ctrl_c_ends_a_run() -> None:
    never: Future = Future()
    frame = lh.from_futures([never], schema=arrow(0))
    # A process in the background of a shell is started with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=_once_awaited, args=[never, signal.raise_signal, signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            frame.compute()
    finally:
        signal.signal(signal.SIGINT, before)
    never.set_result(arrow(0))
    assert rows(frame.compute()) == [(0, 0), (10, 0)]


def test_the_interpreter_lock_is_free_while_a_run_waits() -> None:
    never: Future = Future()
    frame = lh.from_futures([never], schema=arrow(0))
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(rows(frame.compute())))
    thread.start()
    # Were it held, this thread would not get here.
    _once_awaited(never, never.set_result, arrow(0))
    thread.join()
    assert results == [[(0, 0), (10, 0)]]


def test_frames_that_are_alive_at_the_end_of_the_interpreter() -> None:
    program = (
        "import leafhold as lh, pyarrow as pa\n"
        "from concurrent.futures import Future\n"
        "future = Future(); future.set_result(pa.table({'a': [1]}))\n"
        "frame = lh.from_futures([future])\n"
        "circle = [frame]; circle.append(circle)\n"
        "print(frame.compute().num_rows)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_frames_in_a_circle_are_released() -> None:
    future: Future = Future()
    future.set_result(arrow(0))
    circle: list[Any] = [lh.from_futures([future])]
    circle.append(circle)
    created, _ = _leafhold.handle_counts()
    del circle
    gc.collect()
    _leafhold.drain()
    assert _leafhold.handle_counts() == (created, created)


def test_a_hundred_partitions_of_numpy() -> None:
    with ThreadPoolExecutor() as pool:
        parts = [
            pool.submit(lambda at: pd.DataFrame({"a": np.arange(at, at + 100)}), at) for at in range(0, 10_000, 100)
        ]
        frame = lh.sql("select sum(a) as s, count(*) as n from t", t=lh.from_futures(parts))
        assert frame.compute().to_pydict() == {"s": [49_995_000], "n": [10_000]}
