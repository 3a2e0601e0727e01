"""Law T4: observers hear everything once, here and where tasks run, and harm nobody."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import leafhold as lh
import pytest
from conftest import collect, rows, totals
from runs import BOTH, WANTED, Watch, executor_of, in_state, lazy_frame
from tasks import Angry, Failing, Saying, Unreadable, Witness, arrow, numbers, same


@BOTH
def test_law_t4_observers_that_raise_harm_nobody(client: Any, executor: str) -> None:
    def angry(_: Any) -> None:
        raise RuntimeError("angry")

    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    watch = Watch(besides=angry)
    run = watch.run(frame, executor_of(client, executor))
    assert rows(run.result()) == WANTED
    assert watch.check(run).is_ok


@BOTH
def test_law_t4_observers_may_use_the_client(client: Any, executor: str) -> None:
    seen: list[Any] = []
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    watch = Watch(besides=lambda word: seen.append(client.submit(same, 1).result()))
    run = watch.run(frame, executor_of(client, executor))
    assert rows(run.result()) == WANTED
    # Those that hear of the beginning and of the end, too.
    assert seen == (len(watch.check(run)) + 2) * [1]


@BOTH
def test_law_t4_observers_of_work_are_called_where_the_task_runs(client: Any, executor: str) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    watch = Watch()
    run = watch.run(frame, executor_of(client, executor), work_observers={"witness": Witness(), "other": Witness()})
    assert rows(run.result()) == WANTED
    report = watch.check(run)
    pids = set(client.run(os.getpid).values()) if executor == "cluster" else {os.getpid()}
    assert report.is_ok
    for event in in_state(report, "ok"):
        assert set(event["observed"]) == {"witness", "other"}
        said = event["observed"]["witness"]
        assert said["pid"] in pids and said["same_thread"]
        assert said["outcome"] == {"state": "ok", "rows": event["rows"], "error": None}
        context = said["context"]
        assert {name: context[name] for name in ("label", "stage", "partition", "worker")} == {
            name: event[name] for name in ("label", "stage", "partition", "worker")
        }
        assert context.get("host") == event.get("host") and len(context["task"]) == 64
        # Around the attempt, and no part of it.
        assert said["time_us"] >= event["ended_us"] - event["started_us"] or executor == "local"
    # It reads back, and has a column.
    assert lh.RunReport.from_jsonl(report.to_jsonl()) == report
    assert report.to_pandas()["observed"].map(lambda said: said["witness"]["outcome"]["state"]).eq("ok").all()
    # Other runs are as they were.
    assert all("observed" not in event for event in frame.run(executor_of(client, executor)).report)


@BOTH
def test_law_t4_observers_of_work_hear_of_failures(client: Any, executor: str) -> None:
    lazy = lh.from_futures(client.map(numbers, range(2), pure=False), name="t")
    watch = Watch()
    frame = lh.sql("select 1 / (a - 10) as b from t", t=lazy)
    run = watch.run(frame, executor_of(client, executor), work_observers={"w": Witness()})
    with pytest.raises(lh.ComputeError):
        run.result()
    [failed] = in_state(watch.check(run), "failed")
    outcome = failed["observed"]["w"]["outcome"]
    assert (outcome["state"], outcome["rows"]) == ("failed", None) and "ivide by zero" in outcome["error"]


def test_law_t4_observers_of_work_see_every_attempt(client: Any, tmp_path: Path) -> None:
    frame = lh.sql(
        "select sum(a) as s from t", t=lazy_frame(client, "cluster", [Failing("now and then", str(tmp_path), 2)])
    )
    watch = Watch()
    run = watch.run(frame, client, retries=2, work_observers={"w": Witness()})
    assert run.result().to_pydict() == {"s": [10]}
    [tried] = [event for event in watch.check(run) if event.get("attempts")]
    states = [attempt["observed"]["w"]["outcome"]["state"] for attempt in tried["attempts"]]
    assert [*states, tried["observed"]["w"]["outcome"]["state"]] == ["failed", "failed", "ok"]


@BOTH
@pytest.mark.parametrize("when", ["start", "end", "in what it says"])
def test_law_t4_observers_of_work_that_raise_harm_nobody(client: Any, executor: str, when: str) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    watch = Watch()
    observers = {"angry": Angry(when), "calm": Witness()}
    run = watch.run(frame, executor_of(client, executor), work_observers=observers)
    assert rows(run.result()) == WANTED
    report = watch.check(run)
    assert report.is_ok
    for event in in_state(report, "ok"):
        wrong = event["observed"]["angry"]["error"]
        assert ("TypeError" if when == "in what it says" else "RuntimeError: angry") in wrong
        assert event["observed"]["calm"]["outcome"]["state"] == "ok"


def nested(levels: int) -> Any:
    value: Any = []
    for level in range(levels - 1):
        value = [value] if level % 2 else {"in": value}
    return value


@BOTH
@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"file": "data-\udcff.csv"}, "has half a surrogate pair, which is no text"),
        ({"data-\udcff.csv": 1}, "has half a surrogate pair, which is no text"),
        ({"n": 10**400}, "has a number beyond 1e+308"),
        ([-(10**309)], "has a number beyond 1e+308"),
        (nested(101), "is nested more than 100 levels deep"),
        (nested(300), "is nested more than 100 levels deep"),
    ],
    ids=["text", "name", "number", "negative", "deep", "deeper"],
)
def test_law_t4_observers_of_work_that_say_what_cannot_be_read_harm_nobody(
    client: Any, executor: str, said: Any, wrong: str
) -> None:
    run = totals(lh.from_futures(client.map(numbers, range(2), pure=False))).run(
        executor_of(client, executor), work_observers={"odd": Saying(said), "calm": Witness()}
    )
    run.result()
    for event in in_state(run.report, "ok"):
        assert event["observed"]["odd"] == {"error": f"what it says cannot be read: it {wrong}"}
        assert event["observed"]["calm"]["outcome"]["state"] == "ok"


@BOTH
def test_law_t4_observers_of_work_say_all_that_can_be_read(client: Any, executor: str) -> None:
    said = [nested(99), {"é": "日本 \U0001f600 \x00", "n": [2**64 - 1, -(2**63), 1.5, 1e308, None, True], "1": ""}]
    run = totals(lh.from_futures(client.map(numbers, range(2), pure=False))).run(
        executor_of(client, executor), work_observers={"w": Saying(said)}
    )
    run.result()
    assert all(event["observed"] == {"w": said} for event in in_state(run.report, "ok"))
    assert lh.RunReport.from_jsonl(run.report.to_jsonl()) == run.report


@BOTH
def test_law_t4_observers_of_work_that_raise_what_is_no_text_harm_nobody(client: Any, executor: str) -> None:
    run = totals(lh.from_futures(client.map(numbers, range(2), pure=False))).run(
        executor_of(client, executor), work_observers={"angry": Angry("end", "data-\udcff"), "calm": Witness()}
    )
    run.result()
    for event in in_state(run.report, "ok"):
        assert event["observed"]["angry"] == {"error": "it raised RuntimeError: data-\\udcff"}
        assert event["observed"]["calm"]["outcome"]["state"] == "ok"


def test_law_t4_observers_of_work_that_cannot_be_read_back_harm_nobody(client: Any) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    watch = Watch()
    run = watch.run(frame, client, work_observers={"gone": Unreadable(), "calm": Witness()})
    assert rows(run.result()) == WANTED
    report = watch.check(run)
    assert report.is_ok
    for event in in_state(report, "ok"):
        assert event["observed"]["gone"] == {"error": "it raised ZeroDivisionError: it cannot be read back"}
        assert event["observed"]["calm"]["outcome"]["state"] == "ok"


def test_law_t4_observers_of_work_watch_work_that_the_cluster_has(client: Any) -> None:
    frame = totals(lh.from_futures(client.map(numbers, range(3), pure=False)))
    kept = frame.persist(client)
    assert rows(kept.compute(client)) == WANTED
    watch = Watch()
    run = watch.run(frame, client, work_observers={"w": Witness()})
    assert rows(run.result()) == WANTED
    report = watch.check(run)
    assert in_state(report, "ok") and not in_state(report, "cached")
    del kept, frame, run
    collect()


def test_law_t4_observers_of_work_that_are_none(client: Any) -> None:
    frame = lh.from_arrow(arrow(0))
    with pytest.raises(lh.PlanError, match="on_end"):
        frame.run(work_observers={"o": print})
    with pytest.raises(lh.PlanError, match="a name that is no text"):
        frame.run(work_observers={"o\udcff": Witness()})
    locked = Witness()
    locked.began.append(threading.Lock())
    with pytest.raises(lh.PlanError, match="'o' cannot be sent to workers"):
        frame.run(client, work_observers={"o": locked})
