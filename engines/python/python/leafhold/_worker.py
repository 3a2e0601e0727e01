"""What runs on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from . import _leafhold
from ._arrow import describe, mismatch, to_table
from ._measure import Execution
from ._text import words
from .errors import (
    FutureCancelledError,
    FutureFailedError,
    FutureLostError,
    NestedFutureError,
    SchemaError,
    WorkerError,
)

#: Deeper than this, nested futures are taken for a mistake.
_DEPTH = 64


class LeafRead(NamedTuple):
    """What a leaf promised of one of its partitions."""

    leaf: str
    partition: int
    key: str
    schema: pa.Schema
    nested: str

    def attributes(self) -> dict[str, Any]:
        return {"leaf": self.leaf, "partition": self.partition, "key": self.key}

    def __str__(self) -> str:
        return f"leaf `{self.leaf}`, partition {self.partition}, future {self.key!r}"


def version() -> str:
    """Which wheel this is. Driver and workers must have the same."""
    return f"{_leafhold.__version__} ({_leafhold.SCHEME})"


def run_fragment(
    wanted: str,
    fragment: bytes,
    partition: int,
    slots: tuple[tuple[tuple | None, ...], ...],
    started_ns: int | None,
    watch: tuple[tuple[tuple[str, bytes], ...], str, str, int] | None,
    *values: Any,
) -> Any:
    """Runs a fragment on this worker.

    ``slots`` says of each slot what its sources are: a leaf's data, as a ``LeafRead``, or ``None`` for rows of
    Leafhold's own. The values of all sources follow in that order. Gives a table, or a tuple of one per port.
    ``watch`` has the observers of the run, pickled, and what the task is called for them: token, label and stage.
    What happens here is told to whoever runs a plan with this task in it: see :mod:`leafhold._measure`.
    """
    with Execution(watch, partition) as execution:
        return _run(execution, wanted, fragment, partition, slots, started_ns, values)


def _run(
    execution: Execution,
    wanted: str,
    fragment: bytes,
    partition: int,
    slots: tuple[tuple[tuple | None, ...], ...],
    started_ns: int | None,
    values: tuple,
) -> Any:
    if wanted != version():
        raise WorkerError(
            f"the worker has leafhold {version()}, the client {wanted}; install the same wheel on both: "
            f"pip install leafhold=={wanted.partition(' ')[0]}"
        )
    rest = iter(values)
    inputs = [[table for source in slot for table in _tables(source, next(rest))] for slot in slots]
    execution.took(inputs)
    ports, node_rows, peak = _leafhold.run_fragment(fragment, partition, inputs, started_ns, execution.stop)
    execution.gave(ports, node_rows, peak)
    return ports[0] if len(ports) == 1 else tuple(ports)


def schema_of(value: Any, nested: str, leaf: str, key: str) -> pa.Schema:
    """The schema of a leaf's first rows."""
    read = LeafRead(leaf, 0, key, pa.schema([]), nested)
    for table in _find(value, read, []):
        return table.schema
    raise SchemaError(f"{read}: the value is {describe(value)}, in which there is no table", **read.attributes())


def inner_keys(value: Any) -> list[Any]:
    """The keys of the futures right inside a value."""
    return [future.key for future in _futures(value)]


def _tables(source: tuple | None, value: Any) -> list[pa.Table]:
    if source is None:
        return [value]
    read = LeafRead(*source)
    tables = []
    for table in _find(value, read, []):
        different = mismatch(read.schema, table)
        if different is not None:
            raise SchemaError(f"{read}: {different[0]}, but the leaf promised {different[1]}", **read.attributes())
        tables.append(table)
    return tables


def _find(value: Any, read: LeafRead, path: list[Any]) -> Iterator[pa.Table]:
    """The tables in a value, in order, also behind futures."""
    table = to_table(value)
    if table is not None:
        yield table
        return
    futures = list(_futures(value))
    if not futures and not isinstance(value, (list, tuple, dict)):
        inside = f", inside {' -> '.join(map(repr, path))}" if path else ""
        raise SchemaError(f"{read}: the value is {describe(value)}, which is no table{inside}", **read.attributes())
    if futures and read.nested == "reject":
        raise NestedFutureError(
            f"{read}: the value holds the future {futures[0].key!r}, and this leaf rejects nested futures; "
            'read it with nested="await"',
            **read.attributes(),
        )
    for future in futures:
        if future.key in path:
            circle = " -> ".join(repr(key) for key in [*path[path.index(future.key) :], future.key])
            raise NestedFutureError(f"{read}: futures wait for each other in a circle: {circle}", **read.attributes())
    if len(path) >= _DEPTH:
        raise NestedFutureError(f"{read}: more than {_DEPTH} futures inside each other", **read.attributes())
    values = _fetch([future.key for future in futures], read)
    yield from _walk(value, read, path, values)


def _walk(value: Any, read: LeafRead, path: list[Any], values: dict[Any, Any]) -> Iterator[pa.Table]:
    import distributed

    if isinstance(value, distributed.Future):
        yield from _find(values[value.key], read, [*path, value.key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _walk(item, read, path, values)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _walk(item, read, path, values)
    else:
        yield from _find(value, read, path)


def _futures(value: Any) -> Iterator[Any]:
    import distributed

    if isinstance(value, distributed.Future):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _futures(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _futures(item)


def _fetch(keys: list[Any], read: LeafRead) -> dict[Any, Any]:
    """The values of futures that some other task submitted.

    They are asked for by key, through the worker's own client, while the outer value keeps them alive:
    a ``Future`` that was read back from bytes is bound to nothing. This thread leaves the pool
    meanwhile, so that the inner tasks can run on this worker.
    """
    from distributed import worker_client

    from ._aliases import aliases

    if not keys:
        return {}
    with worker_client() as client:
        keys = list(dict.fromkeys(keys))
        futures = aliases(client, keys)
        try:
            return {key: _result(future, key, read) for key, future in zip(keys, futures)}
        finally:
            for future in futures:
                future.release()


def _result(future: Any, key: Any, read: LeafRead) -> Any:
    import distributed

    try:
        return future.result()
    except distributed.CancelledError as error:
        lost = getattr(error, "reason", None) == "lost dependencies"
        cls, verb = (FutureLostError, "was lost") if lost else (FutureCancelledError, "was cancelled")
        attributes = read.attributes() | {"key": str(key)}
        raise cls(f"{read}: the future {key!r} inside its value {verb}: {error}", **attributes) from error
    except Exception as error:
        reason = words(error)
        attributes = read.attributes() | {"key": str(key)}
        raise FutureFailedError(
            f"{read}: the future {key!r} inside its value failed: {reason}", **attributes, reason=reason
        ) from error
