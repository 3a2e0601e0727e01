"""What a cluster tells of tasks and workers, as the runs of a client hear it."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Protocol

import distributed

from ._measure import PROTOCOL, TOPIC, clock

#: Where the scheduler tells of workers.
_ALL = "all"


class Listener(Protocol):
    """A run that wants to hear of its tasks. It is called on the client's loop, and must not wait there."""

    def wants(self, key: str) -> bool:
        """Whether a task is one of its own."""

    def hear(self, kind: str, *words: Any) -> None:
        """Takes something in: ``"task"`` with the word of a worker and when it came, or ``"worker"`` that is gone, why, and of
        which keys nobody else has the data."""


class Events:
    """One client's ear. It is open while a run listens."""

    def __init__(self, client: distributed.Client) -> None:
        self._client = weakref.ref(client)
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        #: Handlers that somebody else had set before.
        self._before: dict[str, Callable[[Any], Any] | None] = {}
        #: The least time between sending and hearing, by the worker's clock: what to add to its times.
        self.offsets: dict[str, int] = {clock(): 0}

    def add(self, listener: Listener) -> None:
        """Listens from now on: a graph that is sent afterwards is heard of in full."""
        client = self._client()
        with self._lock:
            self._listeners.append(listener)
            if len(self._listeners) == 1:
                for topic, handler in ((TOPIC, self._task), (_ALL, self._all)):
                    before = client._event_handlers.get(topic)
                    # Dask leaves a handler that has unsubscribed in its place.
                    self._before[topic] = None if before == handler else before
                    client.subscribe_topic(topic, handler)

    def remove(self, listener: Listener) -> None:
        """Listens no more."""
        client = self._client()
        with self._lock:
            self._listeners.remove(listener)
            if self._listeners or client is None or client.status not in ("running", "connecting"):
                return
            for topic, before in self._before.items():
                if before is None:
                    client.unsubscribe_topic(topic)
                else:
                    client.subscribe_topic(topic, before)

    def _task(self, event: tuple[float, Any]) -> None:
        heard = time.monotonic_ns()
        _, word = event
        if word.get("protocol") != PROTOCOL:
            return
        known, late = self.offsets.get(word["clock"]), heard - word["sent"]
        # A clock that is our own needs no estimate.
        if known is None or 0 != known > late:
            self.offsets[word["clock"]] = late
        for listener in list(self._listeners):
            if listener.wants(word["key"]):
                listener.hear("task", word, heard)

    def _all(self, event: tuple[float, Any]) -> Any:
        _, word = event
        if isinstance(word, dict) and word.get("action") == "remove-worker":
            cause = "it left" if word.get("expected") else "the scheduler lost it"
            for listener in list(self._listeners):
                listener.hear("worker", word["worker"], cause, word.get("lost-computed-tasks", ()))
        before = self._before.get(_ALL)
        return None if before is None else before(event)


_lock = threading.Lock()
_events: weakref.WeakKeyDictionary[distributed.Client, Events] = weakref.WeakKeyDictionary()


def events_of(client: distributed.Client) -> Events:
    """A client's ear."""
    with _lock:
        known = _events.get(client)
        if known is None:
            known = _events[client] = Events(client)
        return known
