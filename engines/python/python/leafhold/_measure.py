"""What a worker tells of the tasks that it runs.

Every execution is announced when it begins and when it ends, under one topic of the scheduler's. A worker's
messages reach the scheduler in order, before the word that the task is done, and the scheduler passes them on in that
order: whoever hears that a task is done has heard how. Times are of the worker's monotonic clock.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import threading
import time
import traceback
import uuid
from typing import Any

import pyarrow as pa

from . import _leafhold
from ._memory import PeakMemory
from ._text import encodable
from ._work import Watch
from .errors import RunCancelledError

#: Where workers tell of tasks.
TOPIC = "leafhold-tasks"

#: The version of what they tell.
PROTOCOL = 5

#: The most characters of a remote trace: its end says most.
TRACE = 16_384

#: How often, in seconds, a worker looks whether somebody still wants what it runs.
LOOK = 0.05

_SESSION = uuid.uuid4().hex[:12]
_numbers = itertools.count()
_lock = threading.Lock()
#: The threads of each worker of this process that have run a task, by address.
_lanes: dict[str, dict[int, int]] = {}
#: What runs now, by the worker's address; and the workers that look after it.
_running: dict[str, set[Execution]] = {}
_looking: set[str] = set()


def clock() -> str:
    """Which monotonic clock this process reads: those of one machine that has not restarted are one."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
        return f"{boot}/{os.stat('/proc/self/ns/time').st_ino}"
    except OSError:
        return f"{socket.gethostname()}/{os.getpid()}/{_SESSION}"


_CLOCK = clock()
_HOST = socket.gethostname()


class Execution:
    """One time that a task runs here: a context manager around it.

    It says that the task begins, and how it ends. Outside of a worker it says nothing.
    """

    def __init__(self, watch: tuple | None, partition: int) -> None:
        self.stop = _leafhold.Stop()
        self.worker, self.key = _here()
        self.given: dict[str, Any] = {"rows": 0, "bytes_in": 0, "bytes_out": 0, "node_rows": []}
        self.given["peak_execution_memory"] = None
        if self.worker is not None:
            address = self.worker.address
            lane = _lane(address)
            self.memory = PeakMemory(self.worker)
            self.word = {
                "protocol": PROTOCOL,
                "key": self.key,
                "id": f"{_SESSION}-{os.getpid()}-{next(_numbers)}",
                # Not as `worker`: Dask's scheduler writes its own word there.
                "thread": f"{address}/{lane}" if lane else address,
                "address": address,
                "host": _HOST,
                "clock": _CLOCK,
                "observed": None,
            }
        self._wanted, self._partition = watch, partition
        self._watching: Watch | None = None

    def took(self, tables: list[list[pa.Table]]) -> None:
        """What it reads."""
        self.given["bytes_in"] = sum(table.nbytes for slot in tables for table in slot)

    def gave(self, ports: list[pa.Table], node_rows: list[int | None], peak: int | None) -> None:
        """What it gives, and the most bytes that its operators held meanwhile."""
        self.given["rows"] = sum(table.num_rows for table in ports)
        self.given["bytes_out"] = sum(table.nbytes for table in ports)
        self.given["node_rows"] = node_rows
        self.given["peak_execution_memory"] = peak

    def __enter__(self) -> Execution:
        if self.worker is not None:
            self._begin_watch()
            self.memory.start()
        self.started = time.monotonic_ns()
        if self.worker is not None:
            _watch(self)
            self._say("started")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        ended = time.monotonic_ns()
        if self.worker is None:
            return
        self.given["peak_memory"] = self.memory.stop()
        _running[self.worker.address].discard(self)
        stopped = isinstance(error, RunCancelledError) and self.stop.is_set()
        what = "ok" if error is None else "stopped" if stopped else "failed"
        # It goes through msgpack, which has no other text: what cannot be encoded there costs the worker its life.
        text, words = encodable(str(error)), None
        if what == "failed":
            lines = encodable("".join(traceback.format_exception(kind, error, trace)))
            words = (encodable(kind.__name__), text, lines[-TRACE:])
        observed = None
        if self._watching is not None:
            rows = self.given["rows"] if what == "ok" else None
            observed = self._watching.ended("cancelled" if stopped else what, rows, text if words else None)
        transfer = _transfer(self.worker, self.key)
        self._say(what, ended=ended, transfer=transfer, error=words, observed=observed, **self.given)
        if stopped:
            # Should somebody want it after all, it is run again; nobody is to find an error under its key.
            from distributed import Reschedule

            raise Reschedule from error

    def _begin_watch(self) -> None:
        """Tells the observers of the run, if it has any."""
        if self._wanted is None:
            return
        packed, token, label, stage = self._wanted
        context = {"task": token, "label": label, "stage": stage, "partition": self._partition}
        self._watching = Watch(packed, context | {"worker": self.word["thread"], "host": _HOST})

    def _say(self, what: str, **more: Any) -> None:
        word = self.word | more | {"what": what, "started": self.started, "sent": time.monotonic_ns()}
        self.worker.log_event(TOPIC, word)


def _here() -> tuple[Any, Any]:
    """The worker that this thread works for, and the key of the task that it runs."""
    try:
        from distributed import get_worker

        worker = get_worker()
        return worker, worker.get_current_task()
    except (ImportError, ValueError, KeyError):
        return None, None


def _lane(address: str) -> int:
    """Which of a worker's threads this is, by the order in which they came to work."""
    with _lock:
        lanes = _lanes.setdefault(address, {})
        return lanes.setdefault(threading.get_ident(), len(lanes))


def _transfer(worker: Any, key: Any) -> int:
    """Nanoseconds in which data came here for a task; transfers at one time count once."""
    task = worker.state.tasks.get(key)
    spans = sorted(
        (span["start"], span["stop"]) for span in getattr(task, "startstops", ()) if span["action"] == "transfer"
    )
    total, until = 0.0, float("-inf")
    for start, stop in spans:
        total += max(0.0, stop - max(start, until))
        until = max(until, stop)
    return int(total * 1e9)


def _watch(execution: Execution) -> None:
    worker = execution.worker
    with _lock:
        _running.setdefault(worker.address, set()).add(execution)
        # One that looks goes on for a moment when nothing runs: between two short tasks there is no need for another.
        begin = worker.address not in _looking
        _looking.add(worker.address)
    if begin:
        worker.loop.add_callback(_look, worker)


async def _look(worker: Any) -> None:
    """Tells what nobody wants any more to stop: Dask itself lets it run to its end."""
    watched = _running[worker.address]
    try:
        while _goes_on(worker.address):
            for execution in list(watched):
                task = worker.state.tasks.get(execution.key)
                if task is None or task.state == "cancelled":
                    execution.stop.set()
            await asyncio.sleep(LOOK)
    except BaseException:
        _looking.discard(worker.address)
        raise


def _goes_on(address: str) -> bool:
    """Whether something runs to look after; if not, whoever begins next has to look."""
    with _lock:
        if not _running[address]:
            _looking.discard(address)
        return address in _looking
