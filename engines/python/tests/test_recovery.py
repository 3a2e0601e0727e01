"""Workers that die (law L1b), and clients that restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import assert_empty, collect, rows, totals, wait_until
from runs import kill, lazy_frame
from tasks import Once, numbers

import leafhold as lh

WANTED = [(0, 24, 4), (1, 12, 2)]


def _kill_holder(client: Any, key: str) -> None:
    """SIGKILL to a worker that has the data of a key; a new one comes in its place."""
    [holder, *_] = client.who_has()[key]
    kill(client, holder)
    client.wait_for_workers(2, timeout=60)


def _key_of(frame: lh.Frame) -> str:
    from distributed import wait

    [(_, _, handle)] = frame._expr.futures()
    from leafhold._futures import live_future

    wait([live_future(handle)._own])
    return handle.key


@pytest.mark.parametrize("executor", ["cluster", "local"])
def test_law_l1b_a_killed_worker_that_held_a_persisted_partition(client: Any, executor: str) -> None:
    executor = client if executor == "cluster" else executor
    frame = lh.from_futures(client.map(numbers, range(3), pure=False))
    kept = lh.sql("select k, sum(a) as total, count(*) as n from t group by k order by k", t=frame).persist(client)
    del frame
    collect()
    _kill_holder(client, _key_of(kept))
    assert rows(kept.compute(executor)) == WANTED


def test_law_l1b_data_at_hand_that_had_gone_to_the_cluster(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from leafhold import _cluster

    # As if they were large: they go to one worker, and Dask cannot make them again.
    monkeypatch.setattr(_cluster, "EMBEDDED", 0)
    kept = lh.sql("select sum(a) as s from t", t=numbers(5)).persist(client)
    key = _key_of(kept)
    scattered = [key for key in client.futures if key.endswith("-data")]
    assert len(scattered) == 1
    _kill_holder(client, scattered[0])
    if client.who_has().get(key):
        _kill_holder(client, key)
    assert kept.compute(client).to_pydict() == {"s": [20]}


def test_rows_that_cannot_be_made_again_have_the_cause_of_that(
    client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from leafhold import _cluster

    monkeypatch.setattr(_cluster, "EMBEDDED", 0)
    union = lh.sql(
        "select sum(a) as s from (select a from t union all select a from u) as v",
        t=lazy_frame(client, "cluster", [Once(0, str(tmp_path))]),
        u=numbers(5),
    )
    kept = union.persist(client)
    key = _key_of(kept)
    [scattered] = [key for key in client.futures if key.endswith("-data")]
    _kill_holder(client, scattered)
    if client.who_has().get(key):
        _kill_holder(client, key)
    for executor in (client, "local"):
        with pytest.raises(lh.LeafholdError, match="leaf `persisted`, partition 0.*read twice") as caught:
            kept.compute(executor)
        # Not that the rows were lost, which they were before.
        error = caught.value
        assert isinstance(error if executor == "local" else error.__cause__, lh.SchemaError), error.__cause__


def test_law_l5_a_lost_leaf_that_nobody_can_make_again_is_named(client: Any) -> None:
    [scattered] = client.scatter([numbers(0)], hash=False)
    frame = lh.from_futures([client.submit(numbers, 1), scattered], name="numbers")
    _kill_holder(client, scattered.key)
    wait_until(lambda: scattered.status == "cancelled")
    for executor in (client, "local"):
        with pytest.raises(lh.FutureLostError, match="leaf `numbers`, partition 1.*already forgotten") as caught:
            frame.compute(executor)
        assert (caught.value.leaf, caught.value.partition, caught.value.key) == ("numbers", 1, scattered.key)
    # The other handle is as it was.
    assert rows(lh.from_futures([client.submit(numbers, 1)]).compute(client)) == [(1, 1), (11, 1)]


def test_right_after_a_restart_of_the_client(fresh_client: Any) -> None:
    client = fresh_client
    futures = client.map(numbers, range(3))
    frame = totals(lh.from_futures(futures, name="numbers"))
    kept = frame.persist(client)
    assert rows(kept.compute(client)) == WANTED
    client.restart()
    for dead, leaf in ((frame, "numbers"), (kept, "persisted")):
        for executor in (client, "local"):
            with pytest.raises(lh.FutureLostError, match=f"leaf `{leaf}`, partition "):
                dead.compute(executor)
    with pytest.raises(lh.FutureLostError):
        lh.from_futures(futures)
    # New futures under the old keys are other data.
    again = totals(lh.from_futures(client.map(numbers, range(3)), name="numbers"))
    assert again.token != frame.token
    del frame, kept
    collect()
    assert rows(again.compute(client)) == WANTED
    del again, futures
    assert_empty(client)
