"""Law L5: futures of leaves that give no data, or lose them, at whatever moment of a run."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import leafhold as lh
import pytest
from conftest import rows, totals, wait_until
from runs import BOTH, Watch, assert_names, executor_of, in_state, reads, small_cluster
from tasks import Gated, after_event, arrow, aside, inner_failing, numbers, same


@BOTH
@pytest.mark.parametrize("when", ["before", "planned", "during"])
@pytest.mark.parametrize("how", ["fails", "is cancelled"])
def test_law_l5_a_future_that_gives_no_data(client: Any, executor: str, when: str, how: str, tmp_path: Path) -> None:
    from conftest import cancel
    from distributed import Event, wait

    event = Event(f"gate-{tmp_path}", client=client)
    bad = client.submit(after_event, event.name, how == "fails", pure=False)
    frame = totals(lh.from_futures([client.submit(numbers, 0, pure=False), bad], schema=numbers(0), name="t"))

    def happen() -> None:
        if how == "fails":
            event.set()
            wait(bad)
        else:
            client.cancel(bad)
            event.set()

    if when == "before":
        if how == "is cancelled":
            event.set()
            cancel(client, bad)
        else:
            happen()
    watch = Watch(happen if when == "planned" else None)
    run = watch.run(frame, executor_of(client, executor))
    if when == "during":
        # The task that reads the other partition has run.
        wait_until(lambda: watch.events)
        happen()
    kind = lh.FutureFailedError if how == "fails" else lh.FutureCancelledError
    with pytest.raises(kind, match="leaf `t`, partition 1") as caught:
        run.result(timeout=60)
    report = watch.check(run)
    assert_names(caught.value, report, "t", 1, bad, "ZeroDivisionError: no data" if how == "fails" else "cancelled")
    assert in_state(report, "upstream-failed")


@BOTH
@pytest.mark.parametrize("when", ["before", "planned", "during"])
def test_law_l5_a_future_that_is_lost(executor: str, when: str, tmp_path: Path) -> None:
    # The one worker that has the data, and what was made of them.
    with small_cluster(workers=1) as client:
        late = executor == "cluster" and when == "during"
        # Nothing that reads it comes to its end before.
        [scattered] = client.scatter([Gated(1, str(tmp_path)) if late else numbers(0)], hash=False)
        others = client.map(numbers, range(1, 2), pure=False)
        if executor == "cluster":
            others += client.map(same, [Gated(2, str(tmp_path))], pure=False)
        else:
            # Here, the run would else be over.
            others += [client.submit(_after_file, str(tmp_path / "open"), pure=False)]
        frame = totals(lh.from_futures([*others[:1], scattered, *others[1:]], schema=arrow(0), name="numbers"))

        def happen() -> None:
            [pid] = client.run(os.getpid).values()
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: scattered.status == "cancelled")

        if when == "before":
            happen()
        watch = Watch(happen if when == "planned" else None)
        run = watch.run(frame, executor_of(client, executor))
        if when == "during":
            wait_until(lambda: reads(tmp_path) if late else watch.events)
            happen()
        if executor == "local" and when == "during":
            # What has been read here is here.
            (tmp_path / "open").touch()
            assert sum(row[2] for row in rows(run.result(timeout=60))) == 6
            assert watch.check(run).is_ok
        else:
            with pytest.raises(lh.FutureLostError, match="leaf `numbers`, partition 1") as caught:
                run.result(timeout=60)
            report = watch.check(run)
            assert_names(caught.value, report, "numbers", 1, scattered, "lost")
            assert in_state(report, "upstream-failed")
            del caught
        (tmp_path / "open").touch()
        del scattered, others, frame, run, happen, watch


@BOTH
@pytest.mark.parametrize("nested", [False, True], ids=["itself", "one inside its value"])
def test_law_l5_a_future_that_fails_with_what_is_no_text(
    client: Any, executor: str, nested: bool, tmp_path: Path
) -> None:
    from distributed import Event

    event = Event(f"gate-{tmp_path}", client=client)
    # Half a surrogate pair, as in the name of a file that is no UTF-8.
    make, words = (inner_failing, "no data-\udcff.csv") if nested else (aside, ValueError("no data-\udcff.csv"))
    bad = client.submit(make, words, pure=False) if nested else client.submit(make, event.name, words, pure=False)
    frame = totals(lh.from_futures([client.submit(numbers, 0, pure=False), bad], schema=numbers(0), name="t"))
    watch = Watch()
    run = watch.run(frame, executor_of(client, executor))
    wait_until(lambda: watch.events)
    event.set()
    with pytest.raises(lh.FutureFailedError, match="leaf `t`, partition 1.*no data-.udcff.csv") as caught:
        run.result(timeout=60)
    report = watch.check(run)
    assert caught.value.report == report
    # It can be printed, whatever it was.
    assert str(caught.value).encode() and caught.value.reason.encode()
    [failed] = in_state(report, "failed")
    assert (failed["stage"], failed["partition"]) == (0, 1)
    assert "no data-\\udcff.csv" in failed["error"]["message"]
    assert nested or failed["error"]["kind"] == "future-failed"


def test_what_a_leafs_future_may_be_to_blame_for() -> None:
    from distributed import CancelledError, KilledWorker
    from leafhold._cluster import is_of

    failed, cancelled, lost = lh.FutureFailedError("f"), lh.FutureCancelledError("c"), lh.FutureLostError("l")
    killed = [KilledWorker(key, SimpleNamespace(address="tcp://worker"), 1) for key in ("leaf", "task")]
    own = lh.ComputeError("a task's own")
    # What it raised is what its readers raise, as another object of perhaps other words.
    failed.__cause__ = ValueError(object())
    assert is_of(ValueError(object()), failed) and not is_of(KeyError("other"), failed)
    assert not is_of(own, failed) and not is_of(killed[0], failed)
    failed.__cause__ = killed[0]
    assert is_of(killed[0], failed) and not is_of(killed[1], failed)
    failed.__cause__ = lh.ComputeError("the leaf's")
    assert is_of(lh.ComputeError("the leaf's"), failed) and not is_of(own, failed)
    assert is_of(CancelledError("task"), cancelled) and not is_of(own, cancelled) and not is_of(killed[0], cancelled)
    # The worker that a task killed may have had the data.
    assert is_of(CancelledError("task"), lost) and is_of(killed[0], lost) and not is_of(own, lost)


def _after_file(name: str) -> Any:
    wait_until(lambda: Path(name).exists(), seconds=60)
    return numbers(2)
