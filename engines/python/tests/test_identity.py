"""Failure 1: what is the same future.

A planner that takes a future for its key reuses what it knew of an older future of that key, whose data
are gone. One that takes every handle for another future cannot share anything.
"""

from __future__ import annotations

import pickle
import random
from typing import Any

import pytest
from conftest import TOTALS, cancel, collect, rows, totals
from tasks import numbers, slow

import leafhold as lh
from leafhold import _dask, _leafhold

WANTED = rows(lh.sql(TOTALS, t=lh.from_arrow(numbers(0))).compute())


def _key_is_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant: a future is its key."""
    monkeypatch.setattr(_dask, "instance_of", lambda client, key, state: hash(key) & 0xFFFF_FFFF)


def _new_future_under_an_old_key(client: Any) -> lh.Frame:
    old = client.submit(numbers, 0)
    known = lh.from_futures([old])
    assert rows(totals(known).compute(client)) == WANTED
    # Somebody cancels the data; the planner still knows its expression.
    cancel(client, old)
    new = client.submit(numbers, 0)
    assert new.key == old.key
    frame = lh.from_futures([new])
    del old, new
    collect()
    assert known is not frame
    return frame


def test_a_new_future_under_an_old_key_fails_when_the_key_is_the_identity(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _key_is_identity(monkeypatch)
    frame = _new_future_under_an_old_key(client)
    with pytest.raises(lh.FutureError):
        totals(frame).compute(client)


def test_law_l3_a_new_future_under_an_old_key_is_another_leaf(client: Any) -> None:
    frame = _new_future_under_an_old_key(client)
    assert rows(totals(frame).compute(client)) == WANTED


def test_law_l3_two_live_futures_of_one_key_are_one_leaf(client: Any) -> None:
    first, second = client.submit(numbers, 0), client.submit(numbers, 0)
    assert first is not second and first.key == second.key
    left, right = lh.from_futures([first]), lh.from_futures([second])
    assert left.token == right.token and left == right
    created, _ = _leafhold.handle_counts()
    lh.from_futures([first, second])
    assert _leafhold.handle_counts()[0] == created
    both = lh.sql("select * from l union all select * from r", l=left, r=right)
    del first, second, left, right
    collect()
    assert rows(both.compute(client)) == sorted(2 * [(0, 0), (10, 0)])


def test_law_l3_a_key_that_died_is_another_leaf_when_it_comes_back(client: Any) -> None:
    tokens = set()
    for _ in range(3):
        future = client.submit(numbers, 0)
        frame = lh.from_futures([future])
        tokens.add(frame.token)
        del future, frame
        collect()
        _dask.settle(client)
        assert not client.futures
    assert len(tokens) == 3


def test_tokens_survive_a_pickle_round_trip(client: Any) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3))))
    again = pickle.loads(pickle.dumps(frame))
    assert again.token == frame.token
    del frame
    collect()
    assert rows(again.compute(client)) == rows(again.compute())


def test_a_pickled_frame_holds_nothing(client: Any) -> None:
    pickled = pickle.dumps(lh.from_futures([client.submit(numbers, 0)], name="numbers"))
    collect()
    _dask.settle(client)
    with pytest.raises(lh.FutureLostError, match="leaf `numbers`, partition 0.*nothing in this process has held it"):
        pickle.loads(pickle.dumps(pickle.loads(pickled)))


def _on_every_worker(client: Any, function: Any) -> list[Any]:
    workers = client.scheduler_info()["workers"]
    return client.gather([client.submit(function, workers=[worker], pure=False) for worker in workers])


def _token_elsewhere() -> str:
    from distributed import get_client

    frame = lh.from_futures([get_client().submit(numbers, 0)], schema=numbers(0))
    return frame.token


def test_two_processes_on_one_scheduler_never_collide(client: Any) -> None:
    future = client.submit(numbers, 0)
    elsewhere = _on_every_worker(client, _token_elsewhere)
    tokens = [lh.from_futures([future], schema=numbers(0)).token, *elsewhere]
    assert len(tokens) == 3 == len(set(tokens))


def test_a_frame_of_another_process_is_foreign(client: Any) -> None:
    def pickled() -> bytes:
        from distributed import get_client

        frame = lh.from_futures([get_client().submit(numbers, 0)], name="numbers", schema=numbers(0))
        return pickle.dumps(frame)

    for document in _on_every_worker(client, pickled):
        with pytest.raises(lh.FutureError, match="a client of another process"):
            pickle.loads(document)


class Repetitions:
    """What tests of a suite do, over the same few keys, in whatever order; caches stay warm between them."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.kept: list[lh.Frame] = []

    def compute(self) -> None:
        assert rows(totals(self.make()).compute(self.client)) == self.wanted()

    def compute_here(self) -> None:
        assert rows(totals(self.make()).compute()) == self.wanted()

    def let_go_before_the_first(self) -> None:
        frame = totals(self.make())
        collect()
        assert rows(frame.compute(self.client)) == self.wanted()

    def keep(self) -> None:
        self.kept.append(totals(self.make()))

    def compute_what_was_kept(self) -> None:
        for frame in self.kept:
            assert rows(frame.compute(self.client)) == self.wanted()

    def let_go_of_what_was_kept(self) -> None:
        self.kept.clear()
        collect()

    def persist(self) -> None:
        frame = totals(self.make()).persist(self.client)
        collect()
        assert rows(frame.compute(self.client)) == self.wanted()

    def cancel(self) -> None:
        # Nobody else's: the kept frames of these keys go with them.
        self.kept.clear()
        futures = self.client.map(numbers, range(3))
        cancel(self.client, futures)

    def make(self) -> lh.Frame:
        return lh.from_futures(self.client.map(numbers, range(3)), name="numbers", schema=numbers(0))

    def wanted(self) -> list[tuple]:
        return [(0, 24, 4), (1, 12, 2)]


def test_failure_1_a_hundred_repetitions_in_shuffled_order(client: Any) -> None:
    suite = Repetitions(client)
    cases = [
        suite.compute,
        suite.compute_here,
        suite.let_go_before_the_first,
        suite.keep,
        suite.compute_what_was_kept,
        suite.let_go_of_what_was_kept,
        suite.persist,
        suite.cancel,
    ]
    order = random.Random(3)
    ran = 0
    while ran < 100:
        order.shuffle(cases)
        for case in cases:
            case()
            ran += 1
    suite.kept.clear()


def test_pending_futures_are_as_much_of_a_leaf(client: Any) -> None:
    frame = lh.from_futures(client.map(slow, range(2), seconds=0.5), schema=numbers(0))
    collect()
    assert rows(totals(frame).compute(client)) == [(0, 10, 2), (1, 12, 2)]


def test_tasks_are_known_by_their_keys_and_what_they_read_is_not_tokenized() -> None:
    from dask.tokenize import tokenize
    from leafhold._tasks import task

    class Large:
        def __dask_tokenize__(self) -> Any:
            raise AssertionError("that would take long")

    assert tokenize(task("a", len, Large())) == tokenize(task("a", len, Large())) != tokenize(task("b", len, Large()))
