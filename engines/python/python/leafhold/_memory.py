"""The most memory that a task had, where the operating system tells.

Linux counts the resident memory of a process, and starts its peak (``VmHWM``) anew when it is asked to. So the figure is the
process's: the task, with everything else that the process holds meanwhile. Of two tasks at a time it would be
neither's, and none is given.
"""

from __future__ import annotations

import threading
from typing import Any

_STATUS = "/proc/self/status"
_CLEAR = "/proc/self/clear_refs"

_lock = threading.Lock()
#: What is measured now, on all threads of this process.
_measured: set[PeakMemory] = set()


class PeakMemory:
    """The most bytes that this process had resident while one task of a worker ran."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._alone = False

    def start(self) -> None:
        """The task begins. What is measured at the same time has no figure from now on, and neither has this."""
        with _lock:
            for other in _measured:
                other._alone = False
            self._alone = not _measured and not _is_shared(self._worker) and _restart()
            _measured.add(self)

    def stop(self) -> int | None:
        """The task has ended: the bytes, or ``None`` where nobody knows, or where it was not alone."""
        with _lock:
            _measured.discard(self)
            return _peak() if self._alone and not _is_shared(self._worker) else None


def _is_shared(worker: Any) -> bool:
    """Whether the worker runs something else beside this task: also what is none of Leafhold's."""
    return len(worker.state.executing) + len(worker.state.long_running) > 1


def _restart() -> bool:
    """Starts the count of the operating system anew; whether it does that."""
    try:
        with open(_CLEAR, "w") as file:
            file.write("5")
    except OSError:
        return False
    return True


def _peak() -> int | None:
    try:
        with open(_STATUS) as file:
            status = file.read()
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "")
    words = line.split()
    return int(words[1]) * 1024 if len(words) == 3 and words[1].isdigit() and words[2] == "kB" else None
