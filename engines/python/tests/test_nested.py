"""Failure 3: futures whose values are futures (law L4)."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from conftest import collect, rows, wait_until
from tasks import (
    arrow,
    circle,
    inner,
    inner_deep,
    inner_failing,
    inner_list,
    inner_map,
    inner_slow,
    numbers,
    same,
)

import leafhold as lh

CASES = {
    "a future": (inner, 5, [(5, 1), (15, 1)]),
    "a future that is still running": (inner_slow, 5, [(5, 1), (15, 1)]),
    "a list": (inner_list, 3, [(0, 0), (10, 0), (1, 1), (11, 1), (2, 0), (12, 0)]),
    "a map": (inner_map, 2, [(0, 0), (10, 0), (1, 1), (11, 1)]),
    "three levels": (inner_deep, 4, [(4, 0), (14, 0), (5, 1), (15, 1)]),
}


def test_plain_dask_loses_the_inner_future(client: Any) -> None:
    outer = client.submit(inner, 1, pure=False)
    with pytest.raises(Exception, match="not properly initialized"):
        outer.result().result()


@pytest.mark.parametrize("executor", ["cluster", "local"])
@pytest.mark.parametrize("case", CASES)
def test_law_l4_futures_inside_futures(client: Any, case: str, executor: str) -> None:
    make, argument, wanted = CASES[case]
    executor = client if executor == "cluster" else executor
    frame = lh.from_futures([client.submit(make, argument, pure=False)], schema=numbers(0))
    assert [tuple(row.values()) for row in frame.compute(executor).to_pylist()] == wanted
    # Once more, and after a while in which whatever was not held would have gone.
    collect()
    time.sleep(0.5)
    assert [tuple(row.values()) for row in frame.compute(executor).to_pylist()] == wanted


@pytest.mark.parametrize("case", CASES)
def test_law_l4_the_schema_is_found_inside(client: Any, case: str) -> None:
    make, argument, _ = CASES[case]
    frame = lh.from_futures([client.submit(make, argument, pure=False)])
    assert frame.schema.names == ["a", "k"]


def test_law_l4_every_worker_can_read_what_one_of_them_submitted(client: Any) -> None:
    workers = list(client.scheduler_info()["workers"])
    outer = [client.submit(inner, part, pure=False, workers=[worker]) for part, worker in enumerate(workers)]
    # Sorted in one partition: one worker reads the futures of both.
    frame = lh.sql("select a from t order by a", t=lh.from_futures(outer))
    del outer
    collect()
    assert frame.compute(client).to_pydict() == {"a": [0, 1, 10, 11]}


def test_law_l4_a_result_that_is_persisted(client: Any) -> None:
    frame = lh.from_futures([client.submit(inner_list, 3, pure=False)])
    kept = lh.sql("select sum(a) as s from t", t=frame).persist(client)
    del frame
    collect()
    assert kept.compute(client).to_pydict() == {"s": [36]}


def test_law_l4_adopted_futures_live_as_long_as_the_persisted_result(client: Any) -> None:
    frame = lh.from_futures([client.submit(inner_deep, 4, pure=False)], nested="adopt")
    kept = lh.sql("select sum(a) as s from t", t=frame).persist(client, recoverable=False)
    adopted = [key for key in client.futures if key.startswith("leafhold-alias-")]
    # One per future inside: the middle one, the one in it, and the one in its list.
    assert len(adopted) == 3
    del frame
    collect()
    assert kept.compute(client).to_pydict() == {"s": [38]}
    assert set(adopted) <= set(client.futures)
    del kept
    wait_until(lambda: not client.futures, collect)


def test_law_l4_in_process(in_process: Any) -> None:
    frame = lh.from_futures([in_process.submit(inner_list, 2, pure=False)])
    collect()
    wanted = [(0, 0), (1, 1), (10, 0), (11, 1)]
    assert rows(frame.compute(in_process)) == rows(frame.compute()) == wanted


@pytest.mark.parametrize("executor", ["cluster", "local"])
def test_rejected_futures_are_an_error_that_names_them(client: Any, executor: str) -> None:
    executor = client if executor == "cluster" else executor
    frame = lh.from_futures([client.submit(inner, 1, pure=False)], schema=numbers(0), name="outer", nested="reject")
    with pytest.raises(lh.NestedFutureError, match="leaf `outer`, partition 0.*rejects nested futures") as caught:
        frame.compute(executor)
    assert (caught.value.leaf, caught.value.partition) == ("outer", 0)


@pytest.mark.parametrize("executor", ["cluster", "local"])
def test_a_circle_of_futures_is_an_error_that_names_it(client: Any, executor: str) -> None:
    executor = client if executor == "cluster" else executor
    frame = lh.from_futures([client.submit(circle, "me", key="me")], schema=numbers(0), name="outer")
    with pytest.raises(lh.NestedFutureError, match="in a circle: 'me' -> 'me'") as caught:
        frame.compute(executor)
    assert (caught.value.leaf, caught.value.partition) == ("outer", 0)


@pytest.mark.parametrize("executor", ["cluster", "local"])
def test_an_inner_future_that_fails_is_named_with_its_cause(client: Any, executor: str) -> None:
    executor = client if executor == "cluster" else executor
    outer = client.submit(inner_failing, "no luck", pure=False)
    frame = lh.from_futures([outer], schema=numbers(0), name="outer")
    with pytest.raises(lh.FutureFailedError, match="leaf `outer`, partition 0.*no luck") as caught:
        frame.compute(executor)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("executor", ["cluster", "local"])
def test_a_list_that_holds_no_table_is_named(client: Any, executor: str) -> None:
    executor = client if executor == "cluster" else executor
    frame = lh.from_futures([client.submit(same, [1, 2])], schema=numbers(0), name="outer")
    with pytest.raises(lh.SchemaError, match="leaf `outer`, partition 0.*int 1"):
        frame.compute(executor)


def test_futures_of_this_process_inside_each_other() -> None:
    with ThreadPoolExecutor(2) as pool:
        deep = pool.submit(lambda: {"x": pool.submit(arrow, 1), "y": [pool.submit(arrow, 2), arrow(3)]})
        frame = lh.from_futures([deep, pool.submit(lambda: pool.submit(arrow, 4))])
        wanted = [(part + ten, part % 2) for part in (1, 2, 3, 4) for ten in (0, 10)]
        assert rows(frame.compute()) == sorted(wanted)


def test_a_circle_of_futures_of_this_process() -> None:
    future: Future = Future()
    future.set_result([future])
    frame = lh.from_futures([future], schema=numbers(0), name="outer")
    with pytest.raises(lh.NestedFutureError, match="circle"):
        frame.compute()
