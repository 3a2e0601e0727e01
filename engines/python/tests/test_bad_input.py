"""What cannot be is a named error, at the earliest moment, with its cause; all else stays as it is."""

from __future__ import annotations

import pickle
import sys
import threading
from concurrent.futures import Future
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from conftest import cancel, rows, totals
from runs import Watch, in_state
from tasks import arrow, fail, numbers, same

import leafhold as lh
from leafhold import errors

BOTH = pytest.mark.parametrize("executor", ["cluster", "local"])


def _of(client: Any, executor: str) -> Any:
    return client if executor == "cluster" else executor


@BOTH
def test_a_future_of_no_table(client: Any, executor: str) -> None:
    good = client.submit(numbers, 0, pure=False)
    frame = lh.from_futures([good, client.submit(same, 5, pure=False)], schema=numbers(0), name="t")
    with pytest.raises(lh.SchemaError, match="leaf `t`, partition 1.*int 5.*no table") as caught:
        frame.compute(_of(client, executor))
    assert (caught.value.leaf, caught.value.partition) == ("t", 1)
    assert rows(lh.from_futures([good]).compute(_of(client, executor))) == [(0, 0), (10, 0)]


def test_the_schema_of_a_future_of_no_table(client: Any) -> None:
    with pytest.raises(lh.SchemaError, match="leaf `t`, partition 0.*int 5, which is no table") as caught:
        lh.from_futures([client.submit(same, 5, pure=False)], name="t")
    assert (caught.value.leaf, caught.value.partition) == ("t", 0)


@BOTH
@pytest.mark.parametrize(
    ("other", "message"),
    [
        (pa.table({"b": [1], "k": [1]}), "column 0 is named `b`, but the leaf promised `a`"),
        (pa.table({"a": ["x"], "k": [1]}), "column `a` has type .*, but the leaf promised"),
        (pa.table({"a": [1]}), "the data has 1 columns, but the leaf promised 2"),
    ],
    ids=["name", "type", "count"],
)
def test_a_schema_that_lies(client: Any, executor: str, other: pa.Table, message: str) -> None:
    futures = [client.submit(arrow, 0, pure=False), client.submit(same, other, pure=False)]
    frame = lh.from_futures(futures, name="t")
    with pytest.raises(lh.SchemaError, match=f"leaf `t`, partition 1, future '?\"?same-.*{message}") as caught:
        frame.compute(_of(client, executor))
    assert (caught.value.leaf, caught.value.partition, caught.value.key) == ("t", 1, futures[1].key)


@BOTH
def test_nulls_where_none_were_promised(client: Any, executor: str) -> None:
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False)])
    frame = lh.from_futures([client.submit(same, pa.table({"a": [1, None]}), pure=False)], schema=schema, name="t")
    with pytest.raises(lh.SchemaError, match="partition 0.*has nulls"):
        frame.compute(_of(client, executor))


@BOTH
def test_law_l5_a_future_that_fails_later(client: Any, executor: str) -> None:
    from distributed import Event

    event = Event("fail-now", client=client)
    futures = [client.submit(numbers, 0, pure=False), client.submit(_fail_after, event.name, pure=False)]
    frame = totals(lh.from_futures(futures, name="t"))
    threading.Timer(0.3, event.set).start()
    with pytest.raises(lh.FutureFailedError, match="leaf `t`, partition 1.*ZeroDivisionError: later") as caught:
        frame.compute(_of(client, executor))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert (caught.value.leaf, caught.value.partition, caught.value.key) == ("t", 1, futures[1].key)
    assert caught.value.engine.startswith("dask:") and caught.value.kind == "failed"
    assert rows(lh.from_futures(futures[:1]).compute(_of(client, executor))) == [(0, 0), (10, 0)]
    event.clear()


def _fail_after(event: str) -> pd.DataFrame:
    from distributed import Event

    Event(event).wait(timeout=60)
    return fail("later")


def test_a_future_that_has_failed(client: Any) -> None:
    from distributed import wait

    failed = client.submit(fail, "before", pure=False)
    wait(failed)
    with pytest.raises(lh.FutureFailedError, match="ZeroDivisionError: before") as caught:
        lh.from_futures([client.submit(numbers, 0), failed], name="t")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert (caught.value.leaf, caught.value.partition, caught.value.key) == ("t", 1, failed.key)


@BOTH
def test_a_future_that_was_cancelled(client: Any, executor: str) -> None:
    futures = client.map(numbers, range(2), pure=False)
    frame = lh.from_futures(futures, name="t")
    cancel(client, futures[1])
    with pytest.raises(lh.FutureCancelledError, match="leaf `t`, partition 1") as caught:
        frame.compute(_of(client, executor))
    assert (caught.value.kind, caught.value.key) == ("cancelled", futures[1].key)
    with pytest.raises(lh.FutureCancelledError):
        lh.from_futures(futures, name="t")
    assert rows(lh.from_futures(futures[:1]).compute(_of(client, executor))) == [(0, 0), (10, 0)]


def test_a_future_that_was_released(client: Any) -> None:
    future = client.submit(numbers, 0, pure=False)
    future.release()
    from leafhold._dask import settle

    settle(client)
    with pytest.raises(lh.FutureError):
        lh.from_futures([future])


def test_futures_of_two_clusters(client: Any, in_process: Any) -> None:
    here, there = client.submit(numbers, 0), in_process.submit(numbers, 1)
    with pytest.raises(lh.ForeignFutureError, match="move the data to one engine first") as caught:
        lh.from_futures([here, there], name="t")
    assert (caught.value.leaf, caught.value.key) == ("t", there.key)
    frame = lh.from_futures([there], name="t")
    with pytest.raises(lh.ForeignFutureError, match="leaf `t`, partition 0.*compute with the client of that cluster"):
        frame.compute(client)
    assert rows(frame.compute(in_process)) == rows(frame.compute()) == [(1, 1), (11, 1)]


def test_futures_of_this_process_on_a_cluster(client: Any) -> None:
    future: Future = Future()
    future.set_result(arrow(0))
    frame = lh.from_futures([future], name="t")
    with pytest.raises(lh.ForeignFutureError, match="leaf `t`, partition 0.*belongs to this process"):
        frame.compute(client)
    assert rows(frame.compute()) == [(0, 0), (10, 0)]


def test_a_future_of_nobodys(client: Any) -> None:
    from distributed import Future as DaskFuture

    unbound = DaskFuture("nobody")
    with pytest.raises(lh.ForeignFutureError, match="belongs to no client"):
        lh.from_futures([unbound])


def test_a_closed_client(_cluster: Any) -> None:
    from distributed import Client

    with Client(_cluster, set_as_default=False) as client:
        future = client.submit(numbers, 0)
    with pytest.raises(lh.FutureLostError, match="its client is closed"):
        lh.from_futures([future])
    with pytest.raises(lh.FutureLostError, match="closed; make a new one"):
        lh.from_arrow(arrow(0)).compute(client)


def test_an_asynchronous_client(_threads: Any) -> None:
    import asyncio

    from distributed import Client

    async def compute() -> None:
        async with Client(_threads.scheduler_address, asynchronous=True, set_as_default=False) as client:
            lh.from_arrow(arrow(0)).compute(client)

    with pytest.raises(lh.PlanError, match="the client is asynchronous"):
        asyncio.run(compute())


def test_another_wheel_on_a_worker(client: Any) -> None:
    from leafhold import _worker

    def pretend(version: str) -> None:
        from leafhold import _worker

        _worker.version = lambda: version

    real = _worker.version()
    frame = totals(lh.from_futures([client.submit(numbers, 0)], schema=numbers(0)))
    client.run(pretend, "0.0.9 (old)")
    watch = Watch()
    run = watch.run(frame, client)
    with pytest.raises(lh.WorkerError, match=r"the worker has leafhold 0.0.9 \(old\), the client .* pip install"):
        run.result()
    assert in_state(watch.check(run), "failed")
    client.run(pretend, real)
    assert rows(frame.compute(client)) == [(0, 10, 2)]


def test_no_wheel_on_a_worker(client: Any) -> None:
    def hide() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "leafhold"]:
            del sys.modules[name]
        # The way in which the standard library says that there is no such module.
        sys.modules["leafhold"] = None

    def show() -> None:
        sys.modules.pop("leafhold", None)

    frame = totals(lh.from_futures([client.submit(numbers, 0)], schema=numbers(0)))
    client.run(hide)
    try:
        watch = Watch()
        run = watch.run(frame, client)
        with pytest.raises(lh.WorkerError, match="no package `leafhold`; install the client's wheel.*pip install"):
            run.result()
        assert in_state(watch.check(run), "failed")
        with pytest.raises(lh.WorkerError, match="no package `leafhold`"):
            lh.from_futures([client.submit(numbers, 0)])
    finally:
        client.run(show)
    # The workers live, and what they hold.
    assert rows(frame.compute(client)) == [(0, 10, 2)]


@pytest.mark.parametrize("thing", [5, "future", object(), None, pa.table({"a": [1]})])
def test_what_is_no_future(thing: Any) -> None:
    with pytest.raises(lh.ForeignFutureError, match="is no future that Leafhold knows") as caught:
        lh.from_futures([thing], name="t")
    assert (caught.value.leaf, caught.value.partition) == ("t", 0)


def test_no_futures_at_all() -> None:
    with pytest.raises(lh.PlanError, match="needs at least one future"):
        lh.from_futures([])


def test_unknown_ways_to_read_and_to_run() -> None:
    future: Future = Future()
    future.set_result(arrow(0))
    with pytest.raises(lh.PlanError, match="not one of"):
        lh.from_futures([future], schema=arrow(0), nested="hold")  # type: ignore[arg-type]
    for executor in ("remote", 5, None):
        with pytest.raises(lh.PlanError, match="neither"):
            lh.from_arrow(arrow(0)).compute(executor)  # type: ignore[arg-type]
    with pytest.raises(lh.PlanError, match="neither"):
        lh.from_arrow(arrow(0)).explain("plans")  # type: ignore[arg-type]


@pytest.mark.parametrize("thing", [5, [1], {"a": [1]}, pa.array([1]), pa.chunked_array([[1]]), pd.Series([1])])
def test_what_is_no_table(thing: Any) -> None:
    with pytest.raises(lh.SchemaError, match="is no table"):
        lh.from_arrow(thing)


def test_a_frame_that_is_no_arrow_data() -> None:
    with pytest.raises(lh.SchemaError, match="does not become an Arrow table"):
        lh.from_arrow(pd.DataFrame({"a": [1, "x", object()]}))


@pytest.mark.parametrize(
    ("query", "message", "place"),
    [
        ("select aa from t", "no column `aa`; did you mean `a`", (1, 8)),
        ("select a from tt", "no table `tt`; did you mean `t`", (1, 15)),
        ("select a\nfrom t where", "Expected: an expression", (2, 13)),
        ("select a + true from t", "Boolean", (1, 8)),
        ("drop table t", "only queries can be planned", None),
    ],
)
def test_queries_that_are_wrong(query: str, message: str, place: tuple[int, int] | None) -> None:
    with pytest.raises(lh.SqlError, match=message) as caught:
        lh.sql(query, t=arrow(0))
    if place is not None:
        assert (caught.value.line, caught.value.column) == place


def test_futures_of_this_process_are_not_written() -> None:
    future: Future = Future()
    future.set_result(arrow(0))
    frame = totals(lh.from_futures([future], name="t"))
    with pytest.raises(lh.SerializationError, match="leaf `t`, partition 0.*lives in this process alone") as caught:
        pickle.dumps(frame)
    assert (caught.value.leaf, caught.value.partition) == ("t", 0)
    assert rows(frame.compute()) == [(0, 10, 2)]


def test_documents_that_are_none() -> None:
    from leafhold._frame import _read

    document = totals(lh.from_arrow(arrow(0)))._expr.to_json()
    for bad in ("", "{}", document[: len(document) // 2], document.replace('"a"', '"b"', 1), "[" * 10_000):
        with pytest.raises(lh.SerializationError):
            _read(bad)


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "LeafholdWarning"])
def test_every_error_survives_pickling_with_its_cause(name: str) -> None:
    error = getattr(errors, name)("what", leaf="t", partition=2, key="k", engine="e")
    error.__cause__ = ValueError("why")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and isinstance(again, lh.LeafholdError)
    assert (str(again), again.leaf, again.partition, again.key, again.engine) == ("what", "t", 2, "k", "e")
    assert str(again.__cause__) == "why"
