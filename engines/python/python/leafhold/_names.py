"""Keys that users choose, on a cluster where somebody may have chosen them before.

Dask answers a key that it knows with what it has under it, whatever was asked for. So Leafhold's work
always goes by keys of its own, which follow from its content; a name only points there, and a name that
points elsewhere already is left alone.
"""

from __future__ import annotations

import itertools
import logging
import warnings
import weakref
from collections.abc import Container
from typing import Any

import distributed

from ._tasks import anywhere
from ._tokenize import tokenize
from .errors import LeafholdWarning

_log = logging.getLogger("leafhold")
_log.addHandler(logging.NullHandler())

#: How many names may be known before the first look for those that nobody holds any more.
FIRST_LOOK = 64


class _Known(dict[str, tuple[str, str]]):
    """What this process put under a name: the work's own key, and what was written."""

    #: How many names there may be before the next look.
    room = FIRST_LOOK

    def forget_others(self, held: Container[str]) -> None:
        """Forgets the names that nobody holds. The next look is when there are twice as many as are left."""
        for name in [name for name in list(self) if name not in held]:
            self.pop(name, None)
        self.room = max(FIRST_LOOK, 2 * len(self))


_written: weakref.WeakKeyDictionary[distributed.Client, _Known] = weakref.WeakKeyDictionary()


def claim(client: distributed.Client, wanted: dict[str, str], written: str) -> dict[str, str]:
    """Names for work: from the wanted name of each work to the name that it gets.

    ``wanted`` says of each name the key of the work that it shall stand for.
    """
    known = _written.setdefault(client, _Known())
    full = len(known) >= known.room
    held = _held_by(client, list({**wanted, **known} if full else wanted))
    if full:
        known.forget_others(held)
    names = {}
    for name, key in wanted.items():
        if name not in held or key in held[name][1]:
            names[name] = name
            known[name] = (key, written)
            continue
        names[name] = f"{name}-{tokenize(key)[:12]}"
        there = known.get(name)
        if there is not None and there[0] in held[name][1]:
            difference = _difference(there[1], written)
        else:
            difference = f"it holds {held[name][0]}, which Leafhold did not put there"
        message = f"the key {name!r} is taken: {difference}. The result goes by {names[name]!r} instead, and is right"
        _log.warning(message)
        warnings.warn(message, LeafholdWarning, stacklevel=5)
    return names


def _held_by(client: distributed.Client, names: list[str]) -> dict[str, tuple[str, list[str]]]:
    """Of the names that are taken: what the cluster has there, and which keys that reads."""
    # What this client holds is certain, also when the scheduler is still to hear of it.
    known = _written.get(client, {})
    held = {
        name: ("a future of this client", [known[name][0]] if name in known else [])
        for name in names
        if name in client.futures
    }
    try:
        there = client.run_on_scheduler(_tasks, names)
    except Exception:
        # A scheduler that runs nothing for others: then what this client knows has to do.
        return held
    return held | there


@anywhere
def _tasks(names: list[str], dask_scheduler: Any = None) -> dict[str, tuple[str, list[str]]]:
    found = {}
    for name in names:
        task = dask_scheduler.tasks.get(name)
        if task is not None and task.state not in ("released", "forgotten", "erred"):
            spec = "data" if task.run_spec is None else f"the task {task.run_spec!r}"
            found[name] = (f"{spec} ({task.state})", [str(dependency.key) for dependency in task.dependencies])
    return found


def _difference(there: str, here: str) -> str:
    # The first line is the token, which says that they differ and not how.
    for old, new in itertools.zip_longest(there.splitlines()[1:], here.splitlines()[1:]):
        if old != new:
            return f"it holds `{(old or 'nothing').strip()}` where this is `{(new or 'nothing').strip()}`"
    return "it holds the same query over other data"
