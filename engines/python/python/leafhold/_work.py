"""Observers of work: they are called where a task runs, and what they say comes back in the report."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from typing import Any, Protocol

from ._text import encodable, words
from .errors import PlanError

_log = logging.getLogger("leafhold")

#: How deep what an observer says may be nested. Who reads a report goes down 128 levels, some of which are the report's own.
DEPTH = 100

#: The largest number that an observer may say: what is beyond it may be no number for who reads a report.
LARGEST = 1e308


class WorkObserver(Protocol):
    """Watches each attempt of a task where it runs: on a thread of this process, or on a worker of a cluster.

    ``context`` says which attempt of what: ``task`` (the identity of the work, 64 hexadecimal digits), ``label``,
    ``stage``, ``partition``, ``worker``; on a cluster ``host``, and here ``attempt``, from 1.
    """

    def on_start(self, context: dict[str, Any]) -> None:
        """The attempt begins, on this thread. What this takes is no part of the attempt's time."""

    def on_end(self, context: dict[str, Any], outcome: dict[str, Any]) -> Any:
        """It has ended: ``outcome`` has its ``state`` (``ok``, ``failed``, ``cancelled``), the ``rows`` that it gave, and the
        ``error``, as text. Gives what to say of it, which JSON can express: numbers up to 1e308, and 100 levels of lists
        and dicts; ``None`` is nothing. What cannot be expressed is told as such in its place."""


def checked(observers: Mapping[str, WorkObserver] | None) -> dict[str, WorkObserver]:
    """The observers, if they are some."""
    found = dict(observers or {})
    for name, observer in found.items():
        missing = [call for call in ("on_start", "on_end") if not callable(getattr(observer, call, None))]
        if not isinstance(name, str) or missing:
            raise PlanError(f"work observer {name!r} has no {' and no '.join(missing) or 'name'}; see WorkObserver")
        if encodable(name) != name:
            raise PlanError(f"work observer {name!r} has a name that is no text; see WorkObserver")
    return found


class Watched:
    """An observer of which nobody has to fear anything: it speaks JSON, and raises nothing."""

    __slots__ = ("_observer",)

    def __init__(self, observer: WorkObserver) -> None:
        self._observer = observer

    def on_start(self, context: str) -> str | None:
        """The attempt begins. What is to be said of it at once, because the observer raised."""
        try:
            self._observer.on_start(json.loads(context))
        except Exception as error:
            return _raised(error)
        return None

    def on_end(self, context: str, state: str, rows: int | None, error: str | None) -> str | None:
        """It has ended: what to say of it."""
        outcome = {"state": state, "rows": rows, "error": error}
        try:
            said = self._observer.on_end(json.loads(context), outcome)
            if said is None:
                return None
            text = json.dumps(said, allow_nan=False, ensure_ascii=False)
            wrong = _unreadable(text)
        except Exception as error:
            return _raised(error)
        return text if wrong is None else json.dumps({"error": f"what it says cannot be read: {wrong}"})


def _raised(error: Exception) -> str:
    # As text: a handler that keeps the record is not to keep the frames, and what these hold.
    _log.warning("an observer of work raised\n%s", traceback.format_exc())
    return json.dumps({"error": f"it raised {words(error)}"})


def _unreadable(text: str) -> str | None:
    """Why who reads a report could not read this JSON, if so: what all observers say is read at once, and would be lost with
    it."""
    if encodable(text) != text:
        return "it has half a surrogate pair, which is no text"
    level, depth = [json.loads(text)], 0
    while level:
        numbers = [value for value in level if isinstance(value, (int, float))]
        if any(abs(number) > LARGEST for number in numbers):
            return f"it has a number beyond {LARGEST:g}"
        lists = [value for value in level if isinstance(value, list)]
        lists += [list(value.values()) for value in level if isinstance(value, dict)]
        level, depth = [value for inside in lists for value in inside], depth + bool(lists)
        if depth > DEPTH:
            return f"it is nested more than {DEPTH} levels deep"
    return None


class Watch:
    """What a task that is sent to a cluster takes with it of the observers: plain values."""

    @staticmethod
    def packed(observers: Mapping[str, WorkObserver]) -> tuple[tuple[str, bytes], ...]:
        """The observers as bytes, by name."""
        from distributed.protocol import pickle

        packed = []
        for name, observer in observers.items():
            try:
                packed.append((name, pickle.dumps(observer)))
            except Exception as error:
                raise PlanError(f"work observer {name!r} cannot be sent to workers: {error}") from error
        return tuple(packed)

    def __init__(self, packed: tuple[tuple[str, bytes], ...], context: dict[str, Any]) -> None:
        """An attempt begins here: each observer is a copy of its own."""
        from distributed.protocol import pickle

        self._context = json.dumps(context)
        self._watched: dict[str, Watched] = {}
        self._said: dict[str, str] = {}
        for name, observer in packed:
            try:
                watched = Watched(pickle.loads(observer))
            except Exception as error:
                self._said[name] = _raised(error)
                continue
            wrong = watched.on_start(self._context)
            if wrong is None:
                self._watched[name] = watched
            else:
                self._said[name] = wrong

    def ended(self, state: str, rows: int | None, error: str | None) -> str:
        """It has ended: what the observers say, by name, as JSON."""
        for name, watched in self._watched.items():
            said = watched.on_end(self._context, state, rows, error)
            if said is not None:
                self._said[name] = said
        return "{" + ", ".join(f"{json.dumps(name)}: {said}" for name, said in self._said.items()) + "}"
