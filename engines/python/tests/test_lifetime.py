"""Failure 2: leaves that lowering drops. Whoever may still need a future holds it (laws L1, L1b, L2)."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import dask
import pytest
from conftest import assert_empty, collect, rows, totals, wait_until
from tasks import after, arrow, numbers, slow

import leafhold as lh
from leafhold import _dask, _leafhold

WANTED = [(0, 24, 4), (1, 12, 2)]


def _parts(client: Any) -> list[Any]:
    return client.map(numbers, range(3), pure=False)


def test_plain_dask_loses_what_a_bag_was_made_from(client: Any) -> None:
    import dask.bag

    parts = client.map(list, [range(3), range(2)], pure=False)
    bag = dask.bag.from_delayed(parts)
    assert len(bag.compute()) == 5
    del parts
    wait_until(lambda: not client.futures, collect)
    with pytest.raises(Exception, match="lost dependencies"):
        bag.compute()
    del bag


def _holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant: an adapter that knows the future, and does not hold it."""
    init = _dask.DaskFuture.__init__

    def forgetful(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self._own.release()

    monkeypatch.setattr(_dask.DaskFuture, "__init__", forgetful)


def test_compute_del_compute_fails_when_leaves_hold_nothing(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _holds_nothing(monkeypatch)
    parts = _parts(client)
    frame = totals(lh.from_futures(parts))
    assert rows(frame.compute(client)) == WANTED
    del parts
    wait_until(lambda: not client.futures, collect)
    with pytest.raises(lh.FutureError, match="leaf `futures`, partition 0"):
        frame.compute(client)


@pytest.mark.parametrize("executor", ["cluster", "local"])
def test_law_l1_compute_del_compute(client: Any, executor: str) -> None:
    executor = client if executor == "cluster" else executor
    parts = _parts(client)
    frame = totals(lh.from_futures(parts))
    assert rows(frame.compute(executor)) == WANTED
    del parts
    collect()
    assert rows(frame.compute(executor)) == WANTED
    assert rows(frame.compute(executor)) == WANTED


def test_law_l1_del_before_the_first_compute(client: Any) -> None:
    frame = totals(lh.from_futures(_parts(client)))
    collect()
    assert rows(frame.compute(client)) == WANTED


def test_law_l1_frames_that_were_made_of_it(client: Any) -> None:
    frame = lh.from_futures(_parts(client))
    derived = lh.sql("select a + 1 as a, k from t where a >= 0", t=frame)
    twice = totals(lh.sql("select a - 1 as a, k from t", t=derived))
    assert rows(twice.compute(client)) == WANTED
    del frame, derived
    collect()
    assert rows(twice.compute(client)) == WANTED


def test_law_l1_planning_and_looking_take_nothing_away(client: Any) -> None:
    frame = totals(lh.from_futures(_parts(client)))
    plan = frame.explain()
    assert "future#0" in plan and plan == frame.explain()
    copied = copy.copy(frame)
    del frame
    collect()
    assert rows(copied.compute(client)) == WANTED


def test_law_l1_a_leaf_that_is_optimized_away_stays_with_the_frame(client: Any) -> None:
    frame = lh.sql("select * from t where 1 = 2", t=lh.from_futures(_parts(client)))
    assert rows(frame.compute(client)) == []
    collect()
    assert len(client.futures) == 3
    del frame


def test_law_l1_delayed_of_a_future(client: Any) -> None:
    frame = totals(lh.from_futures([dask.delayed(part) for part in _parts(client)]))
    assert rows(frame.compute(client)) == WANTED
    collect()
    assert rows(frame.compute(client)) == WANTED


def test_law_l1_futures_and_delayed_mixed(client: Any) -> None:
    parts = [client.submit(numbers, 0, pure=False), dask.delayed(numbers)(1), client.scatter(numbers(2), hash=False)]
    frame = totals(lh.from_futures(parts))
    assert rows(frame.compute(client)) == WANTED
    del parts
    collect()
    assert rows(frame.compute(client)) == WANTED


def test_law_l1_two_clients_of_one_cluster(client: Any, other_client: Any) -> None:
    frame = totals(lh.from_futures(_parts(client)))
    collect()
    # The data are the first client's; the second one's cluster is the same, so they need not move.
    assert rows(frame.compute(other_client)) == WANTED
    kept = frame.persist(other_client)
    del frame
    collect()
    assert rows(kept.compute(other_client)) == rows(kept.compute(client)) == rows(kept.compute()) == WANTED


def test_law_l1_persist_in_between_and_then_the_originals_gone(client: Any) -> None:
    parts = _parts(client)
    frame = lh.from_futures(parts)
    kept = lh.sql("select a, k from t where a < 100", t=frame).persist(client)
    result = totals(kept)
    del parts, frame, kept
    collect()
    assert rows(result.compute(client)) == WANTED
    assert rows(result.compute(client)) == WANTED


def test_law_l1_persist_while_the_futures_are_pending(client: Any) -> None:
    parts = [client.submit(after, "go", part, pure=False) for part in range(3)]
    kept = totals(lh.from_futures(parts, schema=numbers(0))).persist(client)
    del parts
    collect()
    from distributed import Event

    Event("go").set()
    assert rows(kept.compute(client)) == WANTED
    Event("go").clear()


def test_law_l1_another_thread(client: Any) -> None:
    frames = [totals(lh.from_futures(_parts(client)))]
    results = []

    def work() -> None:
        frame = frames.pop()
        results.extend(rows(frame.compute(client)) for _ in range(3))

    thread = threading.Thread(target=work)
    thread.start()
    collect()
    thread.join()
    assert results == 3 * [WANTED]


def test_law_l1_many_threads_of_one_frame(client: Any) -> None:
    frame = totals(lh.from_futures(_parts(client)))
    results = []
    threads = [threading.Thread(target=lambda: results.append(rows(frame.compute(client)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == 8 * [WANTED]


def test_law_l1_a_pickled_frame_that_outlives_its_original(client: Any) -> None:
    frame = totals(lh.from_futures(_parts(client)))
    again = pickle.loads(pickle.dumps(frame))
    del frame
    collect()
    assert rows(again.compute(client)) == WANTED


def test_law_l2_nothing_is_left_when_frames_go(client: Any) -> None:
    frame = totals(lh.from_futures(_parts(client)))
    kept = frame.persist(client)
    frame.compute(client), kept.compute(client), frame.compute()
    created, _ = _leafhold.handle_counts()
    del frame, kept
    wait_until(lambda: not client.futures and not client.refcount, collect)
    # A run's last thread may be on its way.
    wait_until(lambda: _leafhold.handle_counts()[1] == created, collect)
    assert _leafhold.handle_counts() == (created, created), "once each"


def test_law_l2_errors_hold_nothing(client: Any) -> None:
    frame = lh.sql("select 1 / (a - a) as b from t", t=lh.from_futures(_parts(client)))
    with pytest.raises(lh.ComputeError, match="ivide by zero"):
        frame.compute(client)
    with pytest.raises(lh.ComputeError, match="ivide by zero"):
        frame.compute()
    del frame
    assert_empty(client)


def test_law_l2_the_originals_of_what_is_not_recoverable_go_as_soon_as_it_is_there(client: Any) -> None:
    parts = [client.submit(slow, part, seconds=0.3, pure=False) for part in range(3)]
    keys = {part.key for part in parts}
    kept = totals(lh.from_futures(parts, schema=numbers(0))).persist(client, recoverable=False)
    del parts
    wait_until(lambda: not keys & set(client.futures), collect)
    assert rows(kept.compute(client)) == WANTED


def test_law_l1b_the_originals_of_what_is_recoverable_stay(client: Any) -> None:
    parts = _parts(client)
    keys = {part.key for part in parts}
    kept = totals(lh.from_futures(parts)).persist(client)
    assert rows(kept.compute(client)) == WANTED
    del parts
    collect()
    assert keys <= set(client.futures)
    del kept
    assert_empty(client)


def test_law_l1_in_process(in_process: Any) -> None:
    parts = in_process.map(arrow, range(3), pure=False)
    frame = totals(lh.from_futures(parts))
    kept = lh.sql("select * from t", t=frame).persist(in_process)
    del parts, frame
    collect()
    assert rows(kept.compute(in_process)) == rows(kept.compute()) == WANTED


def test_releases_come_from_the_queue_and_not_from_whoever_lets_go(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = _dask.DaskFuture.release
    threads = []

    def watched(self: Any) -> None:
        threads.append(threading.current_thread())
        release(self)

    monkeypatch.setattr(_dask.DaskFuture, "release", watched)
    frame = lh.from_futures(_parts(client))
    del frame
    collect()
    assert len(threads) == 3 and threading.main_thread() not in threads


def test_a_frame_may_outlive_its_client(_cluster: Any) -> None:
    from distributed import Client

    with Client(_cluster, set_as_default=False) as client:
        frame = totals(lh.from_futures(_parts(client)))
        assert rows(frame.compute(client)) == WANTED
    with pytest.raises(lh.FutureLostError, match="client"):
        frame.compute(client)
    with pytest.raises(lh.FutureLostError, match="leaf `futures`, partition .*client is closed"):
        frame.compute()
    del frame
