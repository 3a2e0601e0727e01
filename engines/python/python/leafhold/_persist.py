"""Frames whose rows stay on a cluster."""

from __future__ import annotations

import uuid
from typing import Any

import distributed
from dask._task_spec import Task, TaskRef
from tlz import identity

from . import _leafhold, _names, _worker
from ._aliases import aliases
from ._cluster import ClusterRun
from ._dask import DaskFuture
from ._futures import handle_of, live_future
from ._tasks import task
from .errors import FutureLostError


def persist(expr: _leafhold.Expr, client: distributed.Client, name: str | None, recoverable: bool) -> _leafhold.Expr:
    """Starts an expression on a cluster; gives the leaf over the futures of its result."""
    run = ClusterRun(expr, client)
    try:
        run.submit()
        keep = [handle_of(DaskFuture(future)) for future in [*_named(run, name, expr.text()), *_adopted(run)]]
        scattered = [handle_of(DaskFuture(future)) for future in run.scattered]
        handles = [handle_of(DaskFuture(future)) for future in run.outputs]
        if recoverable:
            origin = _leafhold.Origin(expr, keep + scattered, Recovery(client))
        else:
            origin = _leafhold.Origin(None, keep, _unrecoverable)
            _hold_until_done(run, scattered)
        return _leafhold.Expr.from_delayed(name or "persisted", expr.schema, handles, "await", origin)
    finally:
        # From here on, the handles hold what is needed.
        run.release()


def _named(run: ClusterRun, name: str | None, written: str) -> list[distributed.Future]:
    """Futures under keys that people can read, which only point to the outputs."""
    if name is None:
        return []
    wanted = {f"{name}-{at}": key for at, key in enumerate(run.keys)}
    names = _names.claim(run.client, wanted, written)
    graph = {names[want]: Task(names[want], identity, TaskRef(key)) for want, key in wanted.items()}
    return run.client.get(graph, list(graph), sync=False)


def _adopted(run: ClusterRun) -> list[distributed.Future]:
    """The futures inside the values of leaves that have them adopted; waits for these values."""
    client, adopted = run.client, []
    keys = [future.dask_key for read, future in run.reads if read.nested == "adopt"]
    while keys:
        names = {f"leafhold-inner-{uuid.uuid4().hex}": key for key in keys}
        graph = {name: task(name, _worker.inner_keys, TaskRef(key)) for name, key in names.items()}
        asked = client.get(graph, list(graph), sync=False)
        try:
            found = [key for inner in client.gather(asked, asynchronous=False) for key in inner]
        except Exception as error:
            meaning = run.explain(error)
            raise meaning from meaning.__cause__
        finally:
            for future in asked:
                future.release()
        inner = aliases(client, found)
        adopted.extend(inner)
        keys = [future.key for future in inner]
    return adopted


def _hold_until_done(run: ClusterRun, scattered: list[_leafhold.FutureHandle]) -> None:
    """Holds what the outputs are made from until all of them are there, or given up."""
    graph, states = run.graph, [future._state for future in run.outputs]

    async def wait() -> None:
        held: Any = (graph, scattered)
        for state in states:
            while state.status in ("pending", "lost"):
                await state.wait()
        del held

    run.client.loop.add_callback(wait)
    run.graph = None


class Recovery:
    """Makes lost rows of a persisted frame again, from what it was made from."""

    def __init__(self, client: distributed.Client) -> None:
        self.client = client

    def __call__(self, expr: _leafhold.Expr, partition: int, lost: _leafhold.FutureHandle) -> _leafhold.FutureHandle:
        run = ClusterRun(expr, self.client)
        try:
            run.submit()
            return handle_of(DaskFuture(run.outputs[partition], live_future(lost)))
        finally:
            run.release()


def _unrecoverable(expr: None, partition: int, lost: _leafhold.FutureHandle) -> _leafhold.FutureHandle:
    raise FutureLostError("the frame was persisted with recoverable=False")
