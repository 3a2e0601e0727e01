"""What a run could leave behind: threads, tasks that go on, files, processes. Workers of a cluster are asked, too."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path

#: One thread each, which releases and polls the futures of a process for as long as that is there.
SERVICES = ("leafhold-release", "leafhold-futures")

#: The kernel keeps so much of a thread's name.
_COMM = 15

#: What others keep in the folder for temporary files: Dask its workers' folders, among them.
_FOREIGN = ("dask-scratch-space", "dask-worker-space", "pymp-", "pytest-of-")


def of_this_process() -> list[str]:
    """What Leafhold has under way here, in words; nothing, when no run is."""
    return sorted([*_threads(), *_executions(), *_temporary_files()])


def of_cluster(client: object) -> list[str]:
    """The same of each worker of a cluster."""
    found = client.run(of_this_process)  # type: ignore[attr-defined]
    return [f"{worker}: {what}" for worker, whats in found.items() for what in whats]


def children() -> list[int]:
    """The processes that this one has started, and that have not ended."""
    found = []
    for entry in _entries("/proc"):
        if entry.name.isdigit():
            try:
                # The name, in parentheses, may have blanks in it.
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == os.getpid() and state not in "ZX" and not _is_tracker(entry):
                found.append(int(entry.name))
    return found


def _threads() -> list[str]:
    mine = {thread.name for thread in threading.enumerate()}
    for task in _entries("/proc/self/task"):
        try:
            mine.add((task / "comm").read_text().rstrip("\n"))
        except OSError:
            # It has ended meanwhile.
            continue
    services = {name[:_COMM] for name in SERVICES} | set(SERVICES)
    return [f"thread {name}" for name in mine - services if name.startswith("leafhold")]


def _executions() -> list[str]:
    measure = sys.modules.get("leafhold._measure")
    running = [] if measure is None else [each for of_worker in measure._running.values() for each in of_worker]
    return [f"task {execution.key}" for execution in running]


def _temporary_files() -> list[str]:
    folder = os.path.realpath(tempfile.gettempdir())
    named = [entry.name for entry in _entries(folder) if not entry.name.startswith(_FOREIGN)]
    unnamed = []
    for entry in _entries("/proc/self/fd"):
        try:
            path = os.readlink(entry)
        except OSError:
            continue
        # Files without a name go with the process; until then, they take room.
        if path.startswith(folder + os.sep) and path.endswith(" (deleted)"):
            unnamed.append(path)
    return [f"file {name}" for name in [*named, *unnamed]]


def _entries(folder: str) -> list[Path]:
    try:
        return list(Path(folder).iterdir())
    except OSError:
        # Only Linux tells.
        return []


def _is_tracker(process: Path) -> bool:
    """Whether it is the one that `multiprocessing` starts with the first process and keeps."""
    try:
        return b"multiprocessing.resource_tracker" in (process / "cmdline").read_bytes()
    except OSError:
        return True
