"""Limits read no more partitions than they need, here and on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import leafhold as lh
import pytest
from conftest import collect, wait_until
from runs import BOTH, Watch, executor_of, in_state, lazy_frame, small_cluster
from tasks import Deadly, Failing, Gated, Slow, Waiting, arrow, aside, numbers, same

LIMITS = [
    ("select a + 1 as a from t limit 3", [1, 11, 2]),
    ("select a from (select a, k from t limit 4) as u where k = 1", [1, 11]),
]


@pytest.mark.parametrize(("query", "wanted"), LIMITS)
def test_a_limit_here_runs_few_of_many_partitions(query: str, wanted: list[int]) -> None:
    watch = Watch()
    frame = lazy_frame(None, "local", [arrow(part) for part in range(100)])
    # One thread: two partitions are needed, and what another one did meanwhile would run, too.
    run = watch.run(lh.sql(query, t=frame), "local", threads=1)
    assert run.result()["a"].to_pylist() == wanted
    report = watch.check(run)
    assert report.is_ok
    assert [event["partition"] for event in report if event["stage"] == 0 and event["state"] == "ok"] == [0, 1]
    assert len(in_state(report, "skipped")) >= 98


@pytest.mark.parametrize(("query", "wanted"), LIMITS)
def test_a_limit_on_a_cluster_runs_few_of_many_partitions(client: Any, query: str, wanted: list[int]) -> None:
    watch = Watch()
    # What is not needed takes so long that a worker which falls behind with what is does not matter.
    values = [arrow(0), arrow(1), *(Slow(part, 0.5) for part in range(2, 50))]
    run = watch.run(lh.sql(query, t=lazy_frame(client, "cluster", values)), client)
    assert run.result()["a"].to_pylist() == wanted
    report = watch.check(run)
    assert report.is_ok
    begun = [event for event in report if event.get("started_us") is not None or event.get("attempts")]
    assert len(begun) <= 20 and len(in_state(report, "skipped")) >= 30, report.states


@BOTH
def test_a_limit_that_is_never_reached_runs_all(client: Any, executor: str) -> None:
    frame = lh.from_futures(client.map(numbers, range(40), pure=False))
    for query, wanted in (("select a from t where a > 1000 limit 3", 0), ("select a from t limit 1000", 80)):
        watch = Watch()
        run = watch.run(lh.sql(query, t=frame), executor_of(client, executor))
        assert len(run.result()) == wanted
        assert watch.check(run).is_ok and not in_state(run.report, "skipped")


def test_a_limit_on_a_cluster_does_not_wait_for_what_it_does_not_need(client: Any, tmp_path: Path) -> None:
    values = [Waiting(arrow(0), str(tmp_path), "reads-1-*"), Gated(1, str(tmp_path)), *map(arrow, range(2, 30))]
    watch = Watch()
    run = watch.run(lh.sql("select a from t limit 2", t=lazy_frame(client, "cluster", values)), client)
    # One worker reads what never opens, and is told that nobody wants it any more.
    assert run.result(timeout=60)["a"].to_pylist() == [0, 10]
    report = watch.check(run)
    assert report.is_ok and report[1]["state"] == "skipped"
    [attempt] = report[1]["attempts"]
    assert attempt["started_us"] is not None and report[1].get("started_us") is None
    (tmp_path / "open").touch()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of leaves' futures of which a run on a cluster has heard, and has dealt with that."""
    from leafhold._driver import Driver

    keys: list[str] = []
    on_leaf = Driver._on_leaf

    def note(self: Driver, generation: str) -> None:
        on_leaf(self, generation)
        keys.append(self.cluster.leaves()[generation][2].key)

    monkeypatch.setattr(Driver, "_on_leaf", note)
    return keys


def _limit_beside_what_comes_late(client: Any, folder: Path, late: Any) -> tuple[Any, Any, Any, lh.Frame]:
    """A future that fails although no limit needs it, what makes it fail, what makes the value `late` come, and a frame over
    all of it."""
    from distributed import Event

    [fail_now, go_on] = [Event(f"{name}-{folder}", client=client) for name in ("fail", "go-on")]
    good = client.map(same, [arrow(part) for part in range(9)], pure=False)
    bad = client.submit(aside, fail_now.name, ZeroDivisionError("not needed"), pure=False)
    tables = {
        "t": lh.from_futures([*good, bad], schema=arrow(0), name="t"),
        "u": lh.from_futures([client.submit(aside, go_on.name, late, pure=False)], schema=arrow(0), name="u"),
    }
    frame = lh.sql("select a from (select a from t limit 3) as l union all select a from u", **tables)
    return bad, fail_now, go_on, frame


def _fail_what_is_skipped(watch: Watch, bad: Any, fail_now: Any, heard: list[str]) -> None:
    """Once the limit has its rows, the future fails, and the run hears of it, which goes on."""
    wait_until(lambda: any((event["state"], event["partition"]) == ("skipped", 9) for event in watch.events))
    assert bad.status == "pending"
    fail_now.set()
    wait_until(lambda: bad.key in heard)
    assert not watch.finished


def test_a_future_that_no_limit_needs_may_fail(client: Any, tmp_path: Path, heard: list[str]) -> None:
    bad, fail_now, go_on, frame = _limit_beside_what_comes_late(client, tmp_path, arrow(20))
    watch = Watch()
    run = watch.run(frame, client)
    _fail_what_is_skipped(watch, bad, fail_now, heard)
    go_on.set()
    assert sorted(run.result(timeout=60)["a"].to_pylist()) == [0, 1, 10, 20, 30]
    assert watch.check(run).is_ok
    fail_now.clear()
    go_on.clear()


@pytest.mark.parametrize("how", ["kills its worker", "raises"])
def test_a_future_that_no_limit_needs_is_not_to_blame(how: str, tmp_path: Path, heard: list[str]) -> None:
    late, error, words, state = {
        "kills its worker": (Deadly(0), lh.WorkerError, "workers died", "lost"),
        "raises": (Failing("by itself"), lh.SchemaError, "by itself", "failed"),
    }[how]
    with small_cluster(allowed_failures=0) as client:
        bad, fail_now, go_on, frame = _limit_beside_what_comes_late(client, tmp_path, late)
        watch = Watch()
        run = watch.run(frame, client)
        _fail_what_is_skipped(watch, bad, fail_now, heard)
        go_on.set()
        with pytest.raises(error, match=words) as caught:
            run.result(timeout=60)
        report = watch.check(run)
        assert caught.value.report == report
        [culprit] = in_state(report, "failed") + in_state(report, "lost")
        assert culprit["state"] == state and words in culprit["error"]["message"]
        del run, caught, bad, frame


def test_rows_of_a_limit_that_the_client_has_are_cached(client: Any) -> None:
    frame = lh.sql("select a from t limit 3", t=lh.from_futures(client.map(numbers, range(30), pure=False)))
    kept = frame.persist(client)
    assert kept.compute(client)["a"].to_pylist() == [0, 10, 1]
    watch = Watch()
    run = watch.run(frame, client)
    assert run.result()["a"].to_pylist() == [0, 10, 1]
    report = watch.check(run)
    assert report.is_ok and not in_state(report, "ok") and in_state(report, "cached")
    del kept, run, frame
    collect()


# ---- failures -----------------------------------------------------------------------------------------------------


def test_a_limit_of_which_nobody_says_the_rows(client: Any) -> None:
    def hush() -> None:
        from leafhold import _measure

        _measure._told = _measure.Execution._say
        _measure.Execution._say = lambda self, what, **more: None

    def speak() -> None:
        from leafhold import _measure

        _measure.Execution._say = _measure._told

    client.run(hush)
    try:
        watch = Watch()
        frame = lh.sql("select a from t limit 3", t=lh.from_futures(client.map(numbers, range(30), pure=False)))
        run = watch.run(frame, client)
        assert run.result(timeout=60)["a"].to_pylist() == [0, 10, 1]
        assert watch.check(run).is_ok
    finally:
        client.run(speak)


# ---- law L5: futures of leaves ------------------------------------------------------------------------------------
