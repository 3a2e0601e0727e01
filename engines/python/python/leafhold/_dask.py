"""Futures of ``dask.distributed`` as leaves.

A *live instance* is the client's shared state object of a key: all ``Future`` objects of one key and
one client share it, and it goes with the last of them, or with a cancel. A later future of the same
key has another one, and is other data.
"""

from __future__ import annotations

import itertools
import threading
import uuid
import weakref
from collections.abc import Callable
from typing import Any

import distributed
import pyarrow as pa
from dask._task_spec import TaskRef
from distributed.utils import sync

from . import _leafhold, _worker
from ._aliases import aliases
from ._futures import LiveFuture, describe_value, handle_of
from ._tasks import task
from ._text import words
from .errors import (
    ForeignFutureError,
    FutureCancelledError,
    FutureError,
    FutureFailedError,
    FutureLostError,
    LeafholdError,
    NestedFutureError,
    WorkerError,
)

#: Why Dask calls a future cancelled although nobody asked for it.
_LOST_REASONS = frozenset(
    {"already forgotten", "lost dependencies", "scheduler-restart", "scheduler-connection-lost", "unknown key"}
)

_lock = threading.Lock()
_schedulers: weakref.WeakKeyDictionary[distributed.Client, str] = weakref.WeakKeyDictionary()
#: The states that have been given a number, by client and key. A state object holds no data: what the
#: cluster keeps, it keeps for ``Future`` objects.
_states: weakref.WeakKeyDictionary[distributed.Client, dict[Any, tuple[Any, int]]] = weakref.WeakKeyDictionary()
_numbers = itertools.count()


def scheduler_of(client: distributed.Client) -> str:
    """The identity of the scheduler that a client talks to."""
    known = _schedulers.get(client)
    if known is None:
        known = _schedulers[client] = client.scheduler_info(n_workers=0)["id"]
    return known


def engine_of(client: distributed.Client) -> str:
    """The engine of a client's futures: cluster, client, and incarnation of the client."""
    return f"dask:{scheduler_of(client)}/{client.id}/{client.generation}"


def instance_of(client: distributed.Client, key: Any, state: Any) -> int:
    """The number of a live instance. Numbers never come back; addresses do."""
    with _lock:
        states = _states.setdefault(client, {})
        known = states.get(key)
        if known is None or known[0] is not state:
            known = states[key] = (state, next(_numbers))
        return known[1]


def _forget(client: distributed.Client, key: Any, state: Any) -> None:
    with _lock:
        states = _states.get(client, {})
        if key in states and states[key][0] is state:
            del states[key]


def is_open(client: distributed.Client) -> bool:
    """Whether a client can be asked for anything."""
    return client.status in ("running", "connecting", "newly-created")


class DaskFuture(LiveFuture):
    """A future of a cluster, held by a ``Future`` object of Leafhold's own.

    Raises a ``FutureError`` at once when its data are gone, or will never come.
    """

    __slots__ = ("client", "dask_key", "path", "_own", "_state", "_generation")

    def __init__(self, future: distributed.Future, outer: DaskFuture | None = None, path: tuple = ()) -> None:
        self.dask_key = future.key
        self.outer = outer
        #: The cluster's names of the futures that this one was found in, and its own.
        self.path = path or (future.key,)
        self.key = future.key if isinstance(future.key, str) else repr(future.key)
        self.cause = None
        client = future.client
        if client is None:
            raise ForeignFutureError(
                f"future {self.key!r} belongs to no client: it was read back where none was at hand; "
                "fetch it inside `with client.as_current()`",
                key=self.key,
            )
        self.client = client
        self._state = future._state
        self._generation = future._generation
        self._own = None
        self.engine = f"dask:{client.id}"
        problem = self.problem()
        if problem is not None:
            raise problem
        self.engine = engine_of(client)
        self._own = type(future)(future.key, client)
        if self._own._state is not self._state:
            # Between the look and the grip, it went.
            self._own.release()
            raise self._gone(FutureLostError, "it was released before Leafhold could take hold of it")
        self.instance = instance_of(client, future.key, self._state)

    def status(self) -> tuple[str, int | None, int | None]:
        problem = self.problem()
        if problem is not None:
            return problem.kind, None, None
        return ("finished" if self._state.status == "finished" else "pending"), None, None

    def problem(self) -> FutureError | None:
        if self._generation != self.client.generation:
            return self._gone(FutureLostError, "the client was restarted since; make the data again")
        if not is_open(self.client):
            return self._gone(FutureLostError, "its client is closed")
        status = self._state.status
        if status == "error":
            cause = self._state.exception
            self.blame(cause)
            error = self._gone(FutureFailedError, words(cause))
            error.__cause__ = cause
            return error
        if status == "cancelled":
            cause = self._state.exception
            self.blame(cause)
            lost = getattr(cause, "reason", None) in _LOST_REASONS
            error = self._gone(FutureLostError if lost else FutureCancelledError, words(cause))
            error.__cause__ = cause
            return error
        if self.client.futures.get(self.dask_key) is not self._state:
            return self._gone(FutureLostError, "it was released by its owner")
        # `lost` passes: the scheduler makes the data again, or cancels.
        return None

    def _gone(self, cls: type[FutureError], reason: str) -> FutureError:
        verb = {"failed": "failed", "cancelled": "was cancelled", "lost": "was lost"}[cls.kind]
        return cls(
            f"future {self.key!r} of {self.engine} {verb}: {reason}", key=self.key, engine=self.engine, reason=reason
        )

    def on_done(self, callback: Callable[[], None]) -> None:
        if self.problem() is not None:
            callback()
            return

        async def wait() -> None:
            try:
                while self._state.status in ("pending", "lost"):
                    await self._state.wait()
            finally:
                callback()

        self.client.loop.add_callback(wait)

    def value(self) -> tuple[str, Any]:
        problem = self.problem()
        if problem is not None:
            raise problem
        try:
            value = self.client.gather(self._own, asynchronous=False)
        except Exception as error:
            raise self.problem() or self._gone(FutureLostError, words(error)) from error
        return describe_value(value, self._inner)

    def _inner(self, value: Any) -> _leafhold.FutureHandle | None:
        if not isinstance(value, distributed.Future):
            return None
        if value.key in self.path:
            circle = " -> ".join(repr(key) for key in [*self.path[self.path.index(value.key) :], value.key])
            message = f"futures wait for each other in a circle: {circle}"
            self.blame(NestedFutureError(message, key=self.key, engine=self.engine))
            raise NestedFutureError(message)
        [alias] = aliases(self.client, [value.key])
        return handle_of(DaskFuture(alias, self, (*self.path, value.key)))

    def schema(self, nested: str, leaf: str) -> pa.Schema:
        # A worker looks: the data stay where they are.
        name = f"leafhold-schema-{uuid.uuid4().hex}"
        look = task(name, _worker.schema_of, TaskRef(self.dask_key), nested, leaf, self.key)
        asked = self.client.get({name: look}, [name], sync=False)[0]
        try:
            return self.client.gather(asked, asynchronous=False)
        except LeafholdError as error:
            failure = error.again()
            raise failure from error.__cause__
        except Exception as error:
            failure = self.problem() or explain(error)
            raise failure from failure.__cause__ or error
        finally:
            asked.release()
            settle(self.client)

    def release(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            _forget(self.client, self.dask_key, self._state)
            try:
                # It only tells the client's loop, which does the work.
                own.release()
            except RuntimeError:
                # The loop is closed, and the client has let go of everything.
                pass


def explain(error: BaseException) -> BaseException:
    """What an error of the cluster means, when it is no leaf's."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "leafhold":
        return WorkerError(
            "a worker has no package `leafhold`; install the client's wheel on every worker and on the scheduler: "
            f"pip install leafhold=={_leafhold.__version__}"
        )
    if isinstance(error, distributed.KilledWorker):
        return WorkerError(f"workers died while they ran a task: {error}", key=str(error.task))
    if isinstance(error, distributed.CancelledError):
        cls = FutureLostError if getattr(error, "reason", None) in _LOST_REASONS else FutureCancelledError
        key = getattr(error, "key", None)
        return cls(f"the cluster dropped a task: {words(error)}", key=None if key is None else str(key))
    return error


def settle(client: distributed.Client) -> None:
    """Waits until the client's loop has carried out what it was told so far."""
    if not is_open(client):
        return

    async def nothing() -> None:
        pass

    sync(client.loop, nothing)
