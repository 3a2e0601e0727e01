"""Futures that a leaf can be made of, and those of this process."""

from __future__ import annotations

import concurrent.futures
import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from . import _leafhold
from ._arrow import describe, to_table
from ._text import words
from .errors import ForeignFutureError, FutureCancelledError, FutureError, FutureFailedError, SchemaError

#: The engine of futures of this process. They cannot go to another one.
LOCAL = "local"

#: Who speaks for a live instance, by its generation. It keeps nobody alive.
_LIVE: weakref.WeakValueDictionary[str, LiveFuture] = weakref.WeakValueDictionary()


class LiveFuture:
    """One engine's future, as the native half sees it.

    It holds the engine's own reference, strongly; the native half holds this object for as long as
    any expression, plan, task graph or run needs the data, and then calls ``release`` once, on a
    thread of its own. Every method may be called from any thread.
    """

    __slots__ = ("key", "engine", "instance", "cause", "outer", "__weakref__")

    #: The engine's name of the data, as text.
    key: str
    #: Which engine can resolve it.
    engine: str
    #: Equal numbers of one engine are one and the same live data.
    instance: int | None
    #: What the computation raised, or one inside it, once that is known.
    cause: BaseException | None
    #: The future in whose value this one was found, or in place of whose lost data it was made.
    outer: LiveFuture | None

    def blame(self, cause: BaseException) -> None:
        """Remembers a cause, here and in every future that this one was found in, or made for.

        A cause must not have been raised through frames of the caller: these may hold what holds this.
        """
        future: LiveFuture | None = self
        while future is not None:
            future.cause, future = cause, future.outer

    def status(self) -> tuple[str, int | None, int | None]:
        """``pending``, ``finished``, ``failed``, ``cancelled`` or ``lost``; rows and bytes where known."""
        raise NotImplementedError

    def on_done(self, callback: Callable[[], None]) -> None:
        """Calls back once when the future is no longer pending."""
        raise NotImplementedError

    def value(self) -> tuple[str, Any]:
        """What the computation gave: see :func:`describe_value`. Raises a ``FutureError``."""
        raise NotImplementedError

    def release(self) -> None:
        """Tells the engine that nobody here needs the data any more."""
        raise NotImplementedError

    def problem(self) -> FutureError | None:
        """Why there are no data, if that is certain already."""
        raise NotImplementedError

    def schema(self, nested: str, leaf: str) -> pa.Schema:
        """The schema of the first table in the data, of which a leaf will be; waits for them."""
        raise NotImplementedError


def handle_of(future: LiveFuture) -> _leafhold.FutureHandle:
    """A strong handle. A second future of one live instance gives the handle of the first."""
    handle = _leafhold.FutureHandle(future)
    _LIVE.setdefault(handle.generation, future)
    return handle


def live_future(handle: _leafhold.FutureHandle) -> LiveFuture:
    """Who speaks for a handle."""
    return _LIVE[handle.generation]


def describe_value(value: Any, inner: Callable[[Any], _leafhold.FutureHandle | None]) -> tuple[str, Any]:
    """A value as the native half reads it: a kind and a content.

    ``inner`` makes a handle of a future inside the value; it answers ``None`` for what is none.
    """
    table = to_table(value)
    if table is not None:
        return "table", table
    handle = inner(value)
    if handle is not None:
        return "future", handle
    if isinstance(value, (list, tuple)):
        return "list", [describe_value(item, inner) for item in value]
    if isinstance(value, dict):
        return "map", [(str(name), describe_value(item, inner)) for name, item in value.items()]
    return "other", describe(value)


class ConcurrentFuture(LiveFuture):
    """A ``concurrent.futures.Future``: the same object is the same live data."""

    __slots__ = ("_future",)

    # Counted apart from the native half's own futures, which have this engine, too.
    _numbers = itertools.count(1 << 63)
    _instances: weakref.WeakKeyDictionary[concurrent.futures.Future, int] = weakref.WeakKeyDictionary()
    _lock = threading.Lock()

    def __init__(self, future: concurrent.futures.Future, outer: LiveFuture | None = None) -> None:
        self._future = future
        self.outer = outer
        with self._lock:
            self.instance = self._instances.get(future)
            if self.instance is None:
                self.instance = self._instances[future] = next(self._numbers)
        self.key = f"future-{self.instance - (1 << 63)}"
        self.engine = LOCAL
        self.cause = None

    def status(self) -> tuple[str, int | None, int | None]:
        if self._future.cancelled():
            return "cancelled", None, None
        if not self._future.done():
            return "pending", None, None
        return ("finished" if self._future.exception() is None else "failed"), None, None

    def problem(self) -> FutureError | None:
        status, _, _ = self.status()
        if status == "cancelled":
            return FutureCancelledError(f"future {self.key!r} was cancelled", key=self.key, engine=LOCAL)
        if status == "failed":
            cause = self._future.exception()
            self.blame(cause)
            error = FutureFailedError(
                f"future {self.key!r} failed: {words(cause)}", key=self.key, engine=LOCAL, reason=words(cause)
            )
            error.__cause__ = cause
            return error
        return None

    def on_done(self, callback: Callable[[], None]) -> None:
        self._future.add_done_callback(lambda _: callback())

    def value(self) -> tuple[str, Any]:
        problem = self.problem()
        if problem is not None:
            raise problem
        return describe_value(self._future.result(), self._inner)

    def _inner(self, value: Any) -> _leafhold.FutureHandle | None:
        if isinstance(value, concurrent.futures.Future):
            return handle_of(ConcurrentFuture(value, self))
        return None

    def schema(self, nested: str, leaf: str) -> pa.Schema:
        concurrent.futures.wait([self._future])
        problem = self.problem()
        if problem is not None:
            raise problem
        value = self._future.result()
        while True:
            table = to_table(value)
            if table is not None:
                return table.schema
            first = _first(value)
            if first is None or (nested == "reject" and isinstance(first, concurrent.futures.Future)):
                raise SchemaError(
                    f"leaf `{leaf}`, partition 0, future {self.key!r}: the value is {describe(value)}, which is no table",
                    leaf=leaf,
                    partition=0,
                    key=self.key,
                )
            value = first.result() if isinstance(first, concurrent.futures.Future) else first

    def release(self) -> None:
        # The object itself is the reference; it goes with this one.
        pass


def _first(value: Any) -> Any:
    """Where to look for the first table of a value that is none."""
    if isinstance(value, concurrent.futures.Future):
        return value
    if isinstance(value, (list, tuple)) and value:
        return value[0]
    if isinstance(value, dict) and value:
        return next(iter(value.values()))
    return None


def live_future_of(future: Any) -> LiveFuture:
    """Who speaks for a future of any engine that Leafhold knows."""
    if isinstance(future, concurrent.futures.Future):
        return ConcurrentFuture(future)
    if type(future).__module__.partition(".")[0] == "distributed":
        import distributed

        if isinstance(future, distributed.Future):
            from ._dask import DaskFuture

            return DaskFuture(future)
    raise ForeignFutureError(
        f"{describe(future)} is no future that Leafhold knows; "
        "it knows distributed.Future, dask.delayed and concurrent.futures.Future"
    )
