"""Failure 4: keys that users choose. Four scenarios, all right: see the table of collisions."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import cancel, collect, rows
from dask._task_spec import Task, TaskRef
from distributed import CancelledError, Event, wait
from tasks import after, fail, numbers

import leafhold as lh
from leafhold import _dask, _names

HELD = ["in memory", "still running"]


def _add(value: int) -> int:
    return value + 1


def _multiply(value: int) -> int:
    return value * 100


def test_plain_dask_answers_a_reused_key_with_the_old_value(in_process: Any) -> None:
    first = in_process.get({"out": Task("out", _add, 1)}, "out", sync=False)
    wait(first)
    second = in_process.get({"out": Task("out", _multiply, 1)}, "out", sync=False)
    # 100 would be right.
    assert (first.result(), second.result()) == (2, 2)


def test_plain_dask_answers_changed_dependencies_with_the_old_value(in_process: Any) -> None:
    first = in_process.get({"a": Task("a", _add, 0), "out": Task("out", _add, TaskRef("a"))}, "out", sync=False)
    wait(first)
    second = in_process.get({"b": Task("b", _add, 10), "out": Task("out", _add, TaskRef("b"))}, "out", sync=False)
    # 12 would be right.
    assert (first.result(), second.result()) == (2, 2)


class Slot:
    """Leaves that are in memory, or that wait until the test lets them go on."""

    def __init__(self, client: Any, held: str) -> None:
        self.client, self.running = client, held == "still running"
        self.event = Event(f"collision-{id(self)}", client=client)

    def leaf(self, *parts: int) -> lh.Frame:
        if self.running:
            futures = [self.client.submit(after, self.event.name, part, pure=False) for part in parts]
        else:
            futures = [self.client.submit(numbers, part, pure=False) for part in parts]
            wait(futures)
        return lh.from_futures(futures, schema=numbers(0), name="t")

    def go_on(self) -> None:
        self.event.set()


@pytest.mark.parametrize("held", HELD)
def test_the_same_spec_is_reused_without_a_warning(client: Any, held: str) -> None:
    slot = Slot(client, held)
    leaf = slot.leaf(0)
    first = lh.sql("select sum(a) as s from t", t=leaf).persist(client, name="out")
    second = lh.sql("select sum(a) as s from t", t=leaf).persist(client, name="out")
    assert first.token == second.token
    slot.go_on()
    assert first.compute(client) == second.compute(client)
    assert "out-0" in client.futures


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize(
    ("query", "wanted", "difference"),
    [
        ("select sum(a + 1) - 2 as s from t", 10, "sum"),
        ("select sum(a) * 100 as s from t", 1000, "100"),
    ],
    ids=["same output", "other output"],
)
def test_another_spec_gets_a_key_of_its_own(client: Any, held: str, query: str, wanted: int, difference: str) -> None:
    slot = Slot(client, held)
    leaf = slot.leaf(0)
    first = lh.sql("select sum(a) as s from t", t=leaf).persist(client, name="out")
    with pytest.warns(lh.LeafholdWarning, match="the key 'out-0' is taken: it holds `.*` where this is") as warned:
        second = lh.sql(query, t=leaf).persist(client, name="out")
    assert difference in str(warned[0].message)
    assert warned[0].filename == __file__
    slot.go_on()
    assert first.compute(client).to_pydict() == {"s": [10]}
    assert second.compute(client).to_pydict() == {"s": [wanted]}
    assert len([key for key in client.futures if key.startswith("out-0")]) == 2


@pytest.mark.parametrize("held", HELD)
def test_changed_dependencies_get_a_key_of_their_own(client: Any, held: str) -> None:
    slot = Slot(client, held)
    query = "select sum(a) as s from t"
    first = lh.sql(query, t=slot.leaf(0)).persist(client, name="out")
    with pytest.warns(lh.LeafholdWarning, match="'out-0' is taken: it holds the same query over other data"):
        second = lh.sql(query, t=slot.leaf(10)).persist(client, name="out")
    with pytest.warns(lh.LeafholdWarning, match="'out-0' is taken"):
        third = lh.sql(query, t=slot.leaf(0, 10)).persist(client, name="out")
    slot.go_on()
    assert [frame.compute(client).to_pydict()["s"] for frame in (first, second, third)] == [[10], [30], [40]]


def test_a_key_of_somebody_elses(client: Any, other_client: Any) -> None:
    taken = other_client.submit(_add, 1, key="out-0")
    wait(taken)
    with pytest.warns(lh.LeafholdWarning, match="'out-0' is taken: it holds the task .*_add.*did not put there"):
        kept = lh.sql("select sum(a) as s from t", t=numbers(0)).persist(client, name="out")
    assert kept.compute(client).to_pydict() == {"s": [10]}
    assert taken.result() == 2


def test_a_name_is_free_again_when_its_frame_is_gone(client: Any) -> None:
    kept = lh.sql("select sum(a) as s from t", t=numbers(0)).persist(client, name="out")
    assert kept.compute(client).to_pydict() == {"s": [10]}
    del kept
    collect()
    _dask.settle(client)
    client.submit(str, pure=False).result()
    kept = lh.sql("select sum(a) as s from t", t=numbers(10)).persist(client, name="out")
    assert kept.compute(client).to_pydict() == {"s": [30]}


def test_names_that_nobody_holds_are_forgotten(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_names, "FIRST_LOOK", 2)
    monkeypatch.setattr(_names._Known, "room", 2)
    first = lh.sql("select sum(a) as s from t", t=numbers(0)).persist(client, name="kept")
    known = _names._written[client]
    for part in range(8):
        frame = lh.sql("select sum(a) as s from t", t=numbers(part)).persist(client, name=f"gone-{part}")
        frame.compute(client)
        del frame
        collect()
        _dask.settle(client)
        client.submit(str, pure=False).result()
        assert len(known) <= 3, list(known)
    # Of what is held, it knows what is there.
    with pytest.warns(lh.LeafholdWarning, match="the key 'kept-0' is taken: it holds `.*` where this is"):
        lh.sql("select max(a) as s from t", t=numbers(0)).persist(client, name="kept")
    assert first.compute(client).to_pydict() == {"s": [10]}


def test_two_runs_of_what_is_not_deterministic_share_nothing(client: Any) -> None:
    frame = lh.sql("select random() as r from t", t=numbers(0))
    first, second = frame.persist(client), frame.persist(client)
    assert first.token != second.token
    assert rows(first.compute(client)) != rows(second.compute(client))
    assert rows(first.compute(client)) == rows(first.compute(client))


def test_a_run_has_one_time(client: Any) -> None:
    leaf = lh.from_futures(client.map(numbers, range(4), pure=False))
    frame = lh.sql("select distinct now() as at from t", t=leaf)
    assert frame.compute(client).num_rows == 1


@pytest.mark.parametrize("swapped", [False, True])
def test_two_futures_of_one_key_have_causes_of_their_own(client: Any, swapped: bool) -> None:
    old = client.submit(numbers, 0, key="same")
    frames = [lh.from_futures([old], schema=numbers(0))]
    cancel(client, old)
    del old
    new = client.submit(fail, "the new one", key="same")
    frames.append(lh.from_futures([new], schema=numbers(0)))
    wait(new)
    first, second = reversed(frames) if swapped else frames
    with pytest.raises(lh.FutureError) as caught:
        lh.sql("select r.a from l right join r on l.k = r.k", l=first, r=second).compute()
    causes = {lh.FutureCancelledError: CancelledError, lh.FutureFailedError: ZeroDivisionError}
    assert isinstance(caught.value.__cause__, causes[type(caught.value)])
