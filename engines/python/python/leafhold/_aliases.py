"""Futures of a cluster that somebody else submitted, by their key.

A ``Future`` that comes back from a worker is bound to no client, so its data may go at any time, and
asking it for anything fails. An *alias* is a task of our own that only passes these data on: it is asked
for while something is alive that holds the key, and then the data are ours, too.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import distributed
from dask._task_spec import Task, TaskRef
from tlz import identity

from ._tasks import anywhere

#: How long, in seconds, the scheduler may take to hear of a task that a worker has submitted. The future
#: of such a task may reach us before the task reaches the scheduler: they take different ways.
PATIENCE = 10.0


def aliases(client: distributed.Client, keys: list[Any]) -> list[distributed.Future]:
    """Futures of a client over data that the cluster has under keys, whoever asked for them.

    What the scheduler does not know is a future that was cancelled with the reason "lost dependencies".
    """
    if not keys:
        return []
    _wait_until_known(client, keys)
    names = [f"leafhold-alias-{uuid.uuid4().hex}" for _ in keys]
    graph = {name: Task(name, identity, TaskRef(key)) for name, key in zip(names, keys)}
    return client.get(graph, names, sync=False)


def _wait_until_known(client: distributed.Client, keys: list[Any]) -> None:
    deadline, pause = time.monotonic() + PATIENCE, 0.01
    while not client.run_on_scheduler(_knows, keys) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


@anywhere
def _knows(keys: list[Any], dask_scheduler: Any = None) -> bool:
    return all(key in dask_scheduler.tasks for key in keys)
