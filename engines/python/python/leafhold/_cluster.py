"""Plans on a cluster of ``dask.distributed``: every task of Leafhold's is one of Dask's."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from operator import getitem
from typing import Any

import distributed
import pyarrow as pa
from dask._task_spec import GraphNode, Task, TaskRef
from tlz import identity

from . import _leafhold, _worker
from ._dask import DaskFuture, engine_of, explain, is_open, scheduler_of
from ._futures import live_future
from ._tasks import named
from ._tasks import task as call
from ._text import words
from ._work import Watch, WorkObserver
from .errors import (
    ForeignFutureError,
    FutureCancelledError,
    FutureError,
    FutureFailedError,
    FutureLostError,
    LeafholdError,
    PlanError,
)

#: Data at hand up to this size travel with the graph, so the scheduler can send them again; larger ones
#: go to a worker first.
EMBEDDED = 1 << 22


class ClusterRun:
    """A plan that has been sent to a cluster: it owns the futures that its tasks read, and the outputs."""

    def __init__(
        self,
        expr: _leafhold.Expr,
        client: distributed.Client,
        work_observers: dict[str, WorkObserver] | None = None,
    ) -> None:
        check_client(client)
        self.client = client
        #: The observers that go with each task, by name.
        self._watch = Watch.packed(work_observers or {})
        # What is watched is to run, also if the cluster has it.
        self.graph = expr.lower(uuid.uuid4().hex, bool(self._watch))
        self.schema: pa.Schema = self.graph.schema
        #: The leaves' futures, and which partitions of which leaves they are.
        self.reads: list[tuple[_worker.LeafRead, DaskFuture]] = []
        self._leaves: dict[str, tuple[_leafhold.FutureHandle, _worker.LeafRead, DaskFuture]] = {}
        #: The leaf's future that gave no data when the tasks were to be sent.
        self.broken: _leafhold.FutureHandle | None = None
        #: Futures made again in place of lost ones.
        self.recovered: list[_leafhold.FutureHandle] = []
        #: Data at hand that had to go to a worker first.
        self.scattered: list[distributed.Future] = []
        self._tasks: list[dict[str, Any]] = []
        self._started_ns = 0
        #: The tasks that were sent; and which tasks read a task, if not all are sent at once.
        self._sent: set[int] = set()
        self._readers: dict[int, list[int]] = {}
        #: Futures of output partitions, and of tasks that some are to read which were not sent yet, by task.
        self._outputs: dict[int, distributed.Future] = {}
        self._held: dict[int, distributed.Future] = {}

    def leaves(self) -> dict[str, tuple[_leafhold.FutureHandle, _worker.LeafRead, DaskFuture]]:
        """The leaves' futures, each once, by the generation of the graph's own handle."""
        return self._leaves

    def submit(self, retries: int = 0) -> None:
        """Sends all tasks. Raises at once when a leaf's data are gone."""
        self.resolve()
        self.send([(task, []) for task in range(len(self._tasks))], retries)

    def resolve(self) -> None:
        """Finds the futures of all leaves. Raises when the data of one are gone: then nothing is sent."""
        self._tasks = self.graph.tasks()
        self._started_ns = time.time_ns()
        for task in self._tasks:
            for sources in task["inputs"]:
                sources[:] = [self._resolved(source) for source in sources]

    def send(
        self, sendable: list[tuple[int, list[tuple[int, int]]]], retries: int = 0
    ) -> list[tuple[str, int, distributed.Future]]:
        """Sends some of the tasks; what they read was sent before, or is among them. Each comes with the slots of which it
        reads the first sources only, and how many these are.

        Gives the futures that are new: ``"output"`` or ``"source"``, the task, and its future.
        """
        if not self._sent and len(sendable) < len(self._tasks):
            self._readers = _readers(self._tasks)
        self._sent.update(task for task, _ in sendable)
        graph: dict[str, GraphNode] = {}
        fragments = self.graph.fragments
        for index, first in sendable:
            task = self._tasks[index]
            graph[task["key"]] = self._node(task, fragments[task["fragment"]], dict(first), graph)
        results = set(self.graph.outputs)
        outputs = {task: self._asked(self._tasks[task], graph) for task, _ in sendable if task in results}
        held = {task: self._tasks[task]["key"] for task, _ in sendable if self._is_read_later(task)}
        keys = [*outputs.values(), *held.values()]
        futures = self.client.get(graph, keys, sync=False, retries=retries or None)
        outputs, held = dict(zip(outputs, futures)), dict(zip(held, futures[len(outputs) :]))
        self._outputs.update(outputs)
        self._held.update(held)
        for task in [task for task in self._held if not self._is_read_later(task)]:
            self.drop(task)
        asked = [("output", task, future) for task, future in outputs.items()]
        return asked + [("source", task, future) for task, future in held.items()]

    def drop(self, task: int) -> None:
        """Lets go of a task that nobody is to read who was not sent: what nobody else wants, Dask does not begin, and what
        runs is told to stop."""
        future = self._held.pop(task, None)
        if future is not None:
            future.release()

    def is_under_way(self) -> bool:
        """Whether this client has all of the result already, or is about to."""
        states = [self.client.futures.get(self._output_name(self._tasks[task])) for task in self.graph.outputs]
        return all(state is not None and state.status in ("pending", "finished") for state in states)

    def held(self, task: int) -> distributed.Future | None:
        """The future of a task that some are to read which were not sent yet."""
        return self._held.get(task)

    @property
    def is_wanted(self) -> bool:
        """Whether any future of a task is held."""
        return bool(self._outputs or self._held)

    @property
    def outputs(self) -> list[distributed.Future]:
        """Futures of the output partitions that were sent, in order."""
        return [self._outputs[task] for task in (self.graph.outputs if self.graph else ()) if task in self._outputs]

    @property
    def keys(self) -> list[str]:
        """Where the work's output partitions are."""
        return [self._output_name(self._tasks[task]) for task in self.graph.outputs]

    def _is_read_later(self, task: int) -> bool:
        return any(reader not in self._sent for reader in self._readers.get(task, ()))

    def _node(self, task: dict[str, Any], fragment: bytes, first: dict[int, int], graph: dict[str, GraphNode]) -> Task:
        slots, values = [], []
        for slot, sources in enumerate(task["inputs"]):
            reads = []
            for at, source in enumerate(sources[: first.get(slot)]):
                read, value = self._source(source, graph, f"{task['key']}-{slot}-{at}")
                # As a plain tuple: the scheduler reads it, too.
                reads.append(None if read is None else tuple(read))
                values.append(value)
            slots.append(tuple(reads))
        return call(
            task["key"],
            _worker.run_fragment,
            _worker.version(),
            fragment,
            task["partition"],
            tuple(slots),
            # Equal work is to be an equal task, so only what asks for the time gets it.
            self._started_ns if task["single"] else None,
            (self._watch, task["token"], task["label"], task["stage"]) if self._watch else None,
            *values,
        )

    def _asked(self, task: dict[str, Any], graph: dict[str, GraphNode]) -> str:
        """The key to ask for an output partition by."""
        key = self._output_key(task, graph)
        # The client goes on taking a key for lost or failed as long as anybody holds that, so the same work
        # gets another name beside it.
        state = self.client.futures.get(key)
        if state is not None and state.status in ("cancelled", "error"):
            again = f"{key}-again-{uuid.uuid4().hex}"
            graph[again] = Task(again, identity, TaskRef(key))
            return again
        return key

    def _output_key(self, task: dict[str, Any], graph: dict[str, GraphNode]) -> str:
        return task["key"] if task["ports"] == 1 else self._port(task, 0, graph)

    def _output_name(self, task: dict[str, Any]) -> str:
        return self._output_key(task, {})

    def _port(self, task: dict[str, Any], port: int, graph: dict[str, GraphNode]) -> str:
        key = f"{task['key']}-port-{port}"
        graph.setdefault(key, named(Task(key, getitem, TaskRef(task["key"]), port)))
        return key

    def _source(self, source: tuple, graph: dict[str, GraphNode], name: str) -> tuple[_worker.LeafRead | None, Any]:
        match source:
            case ("task", index, port):
                producer = self._tasks[index]
                key = producer["key"] if producer["ports"] == 1 else self._port(producer, port, graph)
                return None, TaskRef(key)
            case ("data", table):
                key = f"{name}-data"
                if table.nbytes <= EMBEDDED:
                    graph[key] = named(Task(key, identity, table))
                else:
                    self.scattered.extend(self.client.scatter({key: table}, asynchronous=False).values())
                return None, TaskRef(key)
            case ("leaf", read, future):
                return read, TaskRef(future.dask_key)
        raise AssertionError(f"no source of a task: {source[0]}")

    def _resolved(self, source: tuple) -> tuple:
        """A source, with what a leaf's future is on this cluster."""
        if source[0] != "future":
            return source
        _, leaf, partition, schema, nested, handle, origin = source
        try:
            future = self._leaf(leaf, partition, handle, origin)
        except LeafholdError:
            self.broken = handle
            raise
        read = _worker.LeafRead(leaf, partition, future.key, schema, nested)
        self.reads.append((read, future))
        self._leaves.setdefault(handle.generation, (handle, read, future))
        return "leaf", read, future

    def _leaf(
        self, leaf: str, partition: int, handle: _leafhold.FutureHandle, origin: _leafhold.Origin | None
    ) -> DaskFuture:
        future = live_future(handle)
        where = {"leaf": leaf, "partition": partition, "key": future.key, "engine": future.engine}
        if not isinstance(future, DaskFuture):
            raise ForeignFutureError(
                f"leaf `{leaf}`, partition {partition}: future {future.key!r} belongs to this process and cannot go "
                'to a cluster; compute with executor="local", or make the data with `client.submit`',
                **where,
            )
        if scheduler_of(future.client) != scheduler_of(self.client):
            raise ForeignFutureError(
                f"leaf `{leaf}`, partition {partition}: future {future.key!r} belongs to {future.engine}, not to "
                f"{engine_of(self.client)}; compute with the client of that cluster",
                **where,
            )
        problem = future.problem()
        if isinstance(problem, FutureLostError) and origin is not None and is_open(future.client):
            try:
                handle = origin.recover(partition, handle)
            except FutureError as error:
                raise problem.again(leaf, partition) from error
            self.recovered.append(handle)
            return live_future(handle)
        if problem is not None:
            raise problem.again(leaf, partition)
        return future

    def fetch(self, done: Callable[[list[pa.Table], BaseException | None], None]) -> None:
        """Fetches the outputs, and returns at once: ``done`` is called with them on the client's loop, or with why there are
        none. What a worker takes along meanwhile is made again."""
        futures = self.outputs

        async def fetch() -> None:
            try:
                tables = await self.client.gather(futures, asynchronous=True)
            except BaseException as error:
                done([], error)
            else:
                done(tables, None)
            finally:
                # A frame that somebody keeps is not to keep the data.
                futures.clear()

        self.client.loop.add_callback(fetch)

    def explain(self, error: BaseException) -> BaseException:
        """What an error of the cluster means for this plan, with its cause."""
        meaning = self._meaning(error)
        if meaning is not error and meaning.__cause__ is None and not isinstance(error, LeafholdError):
            meaning.__cause__ = error
        return meaning

    def _meaning(self, error: BaseException) -> BaseException:
        if isinstance(error, LeafholdError):
            return error.again()
        for read, future in self.reads:
            problem = future.problem()
            if problem is not None and is_of(error, problem):
                return problem.again(read.leaf, read.partition)
        if not is_open(self.client):
            return FutureLostError(f"the client was closed meanwhile: {words(error)}", engine=None)
        return explain(error)

    def let_go(self) -> None:
        """Lets go of all tasks: what nobody else wants, Dask does not begin any more."""
        for future in [*self._outputs.values(), *self._held.values()]:
            future.release()
        self._outputs, self._held = {}, {}

    def release(self) -> None:
        """Lets go of what only this run needs."""
        self.let_go()
        for future in self.scattered:
            future.release()
        self.scattered, self.recovered, self.reads, self._leaves, self._tasks = [], [], [], {}, []
        self.graph = None


def is_of(error: BaseException | None, problem: FutureError) -> bool:
    """Whether it may be a leaf's future that made a task give no rows: Dask gives the error of one that failed to all that
    read it. Of another error, a future which nobody has to read any more is innocent."""
    own = isinstance(error, (LeafholdError, distributed.KilledWorker))
    if isinstance(problem, FutureFailedError):
        # Only of these it is known that the same error has the same words in each of its copies.
        return type(problem.__cause__) is type(error) and (not own or words(problem.__cause__) == words(error))
    if isinstance(problem, FutureCancelledError):
        return not own
    # Whoever killed the worker that had the data may have killed a task there.
    return not isinstance(error, LeafholdError)


def _readers(tasks: list[dict[str, Any]]) -> dict[int, list[int]]:
    """Which tasks read a task."""
    readers: dict[int, list[int]] = {}
    for reader, task in enumerate(tasks):
        for producer in {source[1] for sources in task["inputs"] for source in sources if source[0] == "task"}:
            readers.setdefault(producer, []).append(reader)
    return readers


def check_client(client: Any) -> None:
    """Whether plans can be sent through this client."""
    if not isinstance(client, distributed.Client):
        raise PlanError(f'executor={client!r} is neither "local" nor a distributed.Client')
    if client.asynchronous:
        raise PlanError("the client is asynchronous; give one that is not, and call from a thread of your own")
    if not is_open(client):
        raise FutureLostError(f"the client {client.id} is {client.status}; make a new one", engine=f"dask:{client.id}")
