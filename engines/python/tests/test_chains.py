"""Many tasks that follow one another on a cluster."""

from __future__ import annotations

from typing import Any

import leafhold as lh
from runs import Watch, lazy_frame
from tasks import Slow, numbers


def test_a_chain_of_runs_on_a_cluster(client: Any) -> None:
    # Each link is a task that reads the one before, and each frame owns what it was made from.
    links = 1_000
    frame = lh.from_futures([client.submit(numbers, 0, pure=False)])
    for _ in range(links):
        frame = lh.sql("select a + 1 as a, k from t", t=frame).persist(client)
    watch = Watch()
    run = watch.run(lh.sql("select sum(a) as s from t", t=frame), client)
    assert run.result().to_pydict() == {"s": [10 + 2 * links]}
    assert watch.check(run).is_ok


def test_a_chain_of_10_000_tasks_in_one_run(client: Any) -> None:
    _check_chain(client, 5_000)


def _check_chain(client: Any, links: int) -> None:
    base = lh.from_futures([client.submit(numbers, 0, pure=False)])
    link = "select k, max(a) + 1 as a from (select a, k from t union all select a, k from u) as v group by k"
    frame = base
    for _ in range(links):
        # One task gathers, the other one groups: an exchange is between them.
        frame = lh.sql(link, t=frame, u=base)
    watch = Watch()
    run = watch.run(frame, client)
    assert run.result().to_pydict() == {"k": [0], "a": [10 + links]}
    report = watch.check(run)
    assert report.is_ok and len(report) >= 2 * links
    # Everything after the first leaf's reader comes one after the other.
    assert len(report.critical_path) >= 2 * links


def test_one_look_per_worker_after_what_runs(client: Any) -> None:
    # Tasks that follow one another at once, for a while.
    frame = lazy_frame(client, "cluster", [Slow(part, 0.02) for part in range(60)])
    run = lh.sql("select sum(a) as s from t", t=frame).run(client)
    most = 0
    while not run.done():
        most = max(most, *client.run(_looks).values())
    assert most == 1 and run.result().to_pydict() == {"s": [sum(2 * part + 10 for part in range(60))]}


async def _looks() -> int:
    import asyncio

    return sum(task.get_coro().__name__ == "_look" for task in asyncio.all_tasks())
