"""Tasks of Dask that run functions of this package.

A worker that cannot even read a task is lost to Dask, and takes what it holds with it. So tasks name our
functions by text, and only a worker that runs one finds out whether it has them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from typing import Any

from dask._task_spec import Task
from tlz import apply


def task(key: str, function: Callable[..., Any], *args: Any) -> Task:
    """A task that calls a function of this package; references among the arguments are dependencies."""
    name = f"{function.__module__}:{function.__qualname__}"
    return named(Task(key, apply, Task(None, pkgutil.resolve_name, name), *args))


def named(task: Task) -> Task:
    """The task, whose key says all that it is: Dask would otherwise tokenize what it consists of, to name the graph."""
    task._token = task.key
    return task


def anywhere(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a function that is sent as code: it runs where this package may be missing."""
    function.__module__ = "__main__"
    return function
