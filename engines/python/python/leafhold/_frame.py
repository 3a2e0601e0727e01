"""Frames: tables to be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from . import _leafhold
from ._arrow import describe, to_schema, to_table
from ._futures import LiveFuture, handle_of, live_future_of
from ._local import LocalRun
from ._report import RunReport
from ._run import Observers, Run
from ._work import WorkObserver, checked
from .errors import LeafholdError, PlanError, SchemaError

if TYPE_CHECKING:
    import distributed

Nested = Literal["await", "adopt", "reject"]

#: The most threads of a run in this process: `leafhold::run::MAX_THREADS`.
MAX_THREADS = 1_024


class Frame:
    """A table to be computed: an immutable expression over live futures and data at hand.

    A frame *owns* the futures below it: as long as it lives, or anything made of it, no future of it
    is released, whatever becomes of the objects it was made from.

    >>> import leafhold as lh, pyarrow as pa
    >>> frame = lh.sql("select sum(a) as total from t", t=pa.table({"a": [1, 2, 3]}))
    >>> frame.schema.names
    ['total']
    >>> frame.compute().to_pydict()
    {'total': [6]}
    """

    __slots__ = ("_expr",)

    def __init__(self, expr: _leafhold.Expr) -> None:
        if not isinstance(expr, _leafhold.Expr):
            raise TypeError("frames come from from_futures, from_arrow and sql")
        self._expr = expr

    @property
    def token(self) -> str:
        """The identity, 64 hexadecimal digits: frames of equal tokens are the same work over the same data.

        >>> import leafhold as lh, pyarrow as pa
        >>> table = pa.table({"a": [1, 2]})
        >>> lh.from_arrow(table).token == lh.from_arrow(table.slice(0)).token
        True
        """
        return self._expr.token

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return self._expr.schema

    def explain(self, stage: Literal["plan", "written"] = "plan") -> str:
        """The plan as text, or what was ``written``.

        The text has no addresses and no keys: futures are ``future#0``, ``future#1``, ..

        >>> import leafhold as lh, pyarrow as pa
        >>> print(lh.sql("select a from t where a > 1", t=pa.table({"a": [1, 2]})).explain("written").strip())
        ; expr ...
        filter (a > 1)
          values t [a]
        """
        if stage == "written":
            return self._expr.text()
        if stage != "plan":
            raise PlanError(f'stage={stage!r} is neither "plan" nor "written"')
        return self._expr.plan_text()

    def run(
        self,
        executor: Literal["local"] | distributed.Client = "local",
        *,
        threads: int | None = None,
        retries: int = 0,
        memory_limit: int | None = None,
        on_submit: Callable[[dict[str, Any]], None] | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        on_finish: Callable[[RunReport], None] | None = None,
        progress: bool = False,
        work_observers: Mapping[str, WorkObserver] | None = None,
    ) -> Run:
        """Plans the frame and starts it: gives the run, at once. The frame can be run again.

        ``executor`` is ``"local"``, ``threads`` of this process (as many as there are cores; at most 1,024), or a
        ``distributed.Client``: then the plan runs on the workers of its cluster, and only the result comes here.

        ``retries`` is how often a task is tried again that raised an error. On a cluster, how often one is tried again
        whose worker died is Dask's affair (``distributed.scheduler.allowed-failures``).

        ``memory_limit`` bounds the bytes of rows that this process keeps for tasks to come, and of what sorts and aggregates
        hold (16 MB each in any case); what has no room goes to a temporary folder. The workers of a cluster have threads and
        a bound of their own: with a ``distributed.Client``, ``threads`` and ``memory_limit`` are errors that say where Dask
        sets these.

        Observers are called in this process, on a thread of the run's: ``on_submit`` with the number of ``tasks`` and
        the ``stages``, ``on_event`` with each task's one terminal event, as in :attr:`RunReport.events`, ``on_finish``
        with the :class:`~leafhold.RunReport`. One that raises harms nobody. ``progress`` shows a bar. Where a worker of a
        cluster takes rows along after their task has ended, and Dask makes them again, only the report tells: the execution
        that was heard of is an attempt there, and the last one counts.

        >>> import leafhold as lh, pyarrow as pa
        >>> seen = []
        >>> frame = lh.sql("select max(a) as m from t", t=pa.table({"a": [1, 3, 2]}))
        >>> run = frame.run(on_event=lambda event: seen.append(event["state"]))
        >>> run.result().to_pydict(), run.report.is_ok, seen
        ({'m': [3]}, True, ['ok'])

        ``work_observers`` are called where a task runs, by their names: see :class:`~leafhold.WorkObserver`. Here, they are
        called on several threads at once. On a cluster, each attempt has a copy of its own of them, which pickle makes;
        and tasks that are watched are not shared with other runs, so that they do run. What they say is in the report, by
        name (``observed``); of one that raises, the report says so, and the task is as it would be without it.

        >>> class Clock:
        ...     def on_start(self, context): ...
        ...     def on_end(self, context, outcome):
        ...         return {"label": context["label"], "state": outcome["state"], "rows": outcome["rows"]}
        >>> frame.run(work_observers={"clock": Clock()}).report[0]["observed"]["clock"]["state"]
        'ok'

        An error has the report inside:

        >>> try:
        ...     lh.sql("select 1 / a as b from t", t=pa.table({"a": [0]})).run().result()
        ... except lh.ComputeError as error:
        ...     error.report.states
        {'failed': 1}
        """
        for option, number, least, most in (
            ("threads", threads, 1, MAX_THREADS),
            ("retries", retries, 0, (1 << 32) - 1),
            ("memory_limit", memory_limit, 0, (1 << 64) - 1),
        ):
            if number is not None and not least <= number <= most:
                raise PlanError(f"{option}={number!r} is out of bounds; give a number from {least} to {most:,}")
        work = checked(work_observers)
        observers = Observers(on_submit, on_event, on_finish, progress)
        if isinstance(executor, str):
            if executor != "local":
                raise PlanError(f'executor={executor!r} is neither "local" nor a distributed.Client')
            return LocalRun(self._expr, observers, threads, retries, memory_limit, work)
        for option, value, setting in (
            ("threads", threads, "threads_per_worker=.. of a LocalCluster, or dask worker --nthreads"),
            ("memory_limit", memory_limit, "memory_limit=.. of a LocalCluster, or dask worker --memory-limit"),
        ):
            if value is not None:
                raise PlanError(
                    f"{option}={value!r} is for runs in this process; the workers of a cluster are started with theirs: "
                    f"{setting}"
                )
        from ._driver import DaskRun, Driver

        return DaskRun(Driver(self._expr, executor, observers, retries, work))

    def compute(
        self,
        executor: Literal["local"] | distributed.Client = "local",
        *,
        threads: int | None = None,
        retries: int = 0,
        memory_limit: int | None = None,
        progress: bool = False,
    ) -> pa.Table:
        """Plans the frame, runs it, and gives its rows: ``run(executor).result()``. Ctrl-C cancels the run.

        The options are those of :meth:`run`, which takes observers, too, and gives the report.

        Raises a :class:`~leafhold.LeafholdError`: the future of a leaf that gives no data by name of leaf,
        partition and key, with the cause chained, and with what happened to every task as its ``report``.
        """
        run = self.run(executor, threads=threads, retries=retries, memory_limit=memory_limit, progress=progress)
        try:
            run.wait()
        except BaseException:
            run.cancel()
            run.wait()
            raise
        return run.result()

    def persist(self, executor: distributed.Client, name: str | None = None, recoverable: bool = True) -> Frame:
        """Starts the frame on a cluster, and gives a frame over the futures of its result, at once.

        The rows stay on the cluster for as long as the new frame lives, or anything made of it. With
        ``recoverable``, it owns the futures that it was made from, too, so that rows which die with a
        worker are made again; without, they are let go as soon as all of the result is there.

        ``name`` gives the futures keys that people can read: ``name-0``, ``name-1``, .. A key that already
        holds something else on that cluster is not touched: the result gets a key of its own, and a
        :class:`~leafhold.LeafholdWarning` says how the two differ.
        """
        from . import _persist

        return Frame(_persist.persist(self._expr, executor, name, recoverable))

    def __reduce__(self) -> Any:
        return _read, (self._expr.to_json(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __repr__(self) -> str:
        columns = ", ".join(f"{field.name}: {field.type}" for field in self.schema)
        return f"<leafhold.Frame {self.token[:12]} [{columns}]>"


def _read(document: str) -> Frame:
    from . import _resolve

    return Frame(_leafhold.Expr.from_json(document, _resolve.resolve))


def from_futures(
    futures: Iterable[Any],
    schema: Any = None,
    name: str | None = None,
    nested: Nested = "await",
) -> Frame:
    """A frame over futures, each of which is, or will be, one partition.

    ``futures`` are of ``dask.distributed`` (``dask.delayed`` objects among them are submitted), or of
    ``concurrent.futures``. Their data are pandas frames, Arrow tables, or anything with
    ``__arrow_c_stream__``. The frame takes hold of them: the originals may go.

    ``schema`` says what the data will be: a ``pyarrow.Schema``, or an empty table. Without it, this waits
    for the first future and takes its schema; on a cluster the data do not move for that. Data that turn
    out otherwise are an error that names the partition.

    ``name`` is how plans and errors call the leaf.

    ``nested`` says what to do when a future's data are futures again, or lists or dicts of them, several
    levels deep: ``"await"`` reads their tables in order; ``"adopt"`` does so, and keeps them for as long as
    a persisted result lives; ``"reject"`` is an error.

    >>> import leafhold as lh, pyarrow as pa
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor() as pool:
    ...     parts = [pool.submit(pa.table, {"a": [part]}) for part in range(3)]
    ...     frame = lh.from_futures(parts, name="numbers")
    ...     del parts
    ...     frame.compute().to_pydict()
    {'a': [0, 1, 2]}
    """
    name = "futures" if name is None else name
    live = _live(list(futures), name)
    handles = [handle_of(future) for future in live]
    if schema is not None:
        schema = to_schema(schema)
    elif live:
        schema = _first_schema(live[0], nested, name)
    else:
        schema = pa.schema([])
    return Frame(_leafhold.Expr.from_delayed(name, schema, handles, nested))


def _live(futures: list[Any], leaf: str) -> list[LiveFuture]:
    from . import _delayed

    live = []
    for partition, future in enumerate(_delayed.submitted(futures)):
        try:
            live.append(live_future_of(future))
        except LeafholdError as error:
            raise error.again(leaf, partition) from error.__cause__
    return live


def _first_schema(future: LiveFuture, nested: str, leaf: str) -> pa.Schema:
    try:
        return future.schema(nested, leaf)
    except LeafholdError as error:
        if error.leaf is not None:
            raise
        raise error.again(leaf, 0) from error.__cause__


def from_arrow(data: Any, name: str = "values") -> Frame:
    """A frame over data at hand: a table of pyarrow, pandas, or anything with ``__arrow_c_stream__`` or
    ``__arrow_c_array__``. Nothing is copied, as far as the type is Arrow's; an index of pandas is left out.

    >>> import leafhold as lh, pandas as pd
    >>> lh.from_arrow(pd.DataFrame({"a": [1, 2]})).schema.names
    ['a']
    """
    table = to_table(data)
    if table is None:
        raise SchemaError(f"{describe(data)} is no table; give one of pyarrow or pandas, or with __arrow_c_stream__")
    return Frame(_leafhold.Expr.from_arrow(name, table))


def sql(query: str, /, **tables: Any) -> Frame:
    """A query over frames, and over whatever :func:`from_arrow` takes, by name.

    SQL folds names that are not quoted to lower case.

    >>> import leafhold as lh, pyarrow as pa
    >>> t = pa.table({"k": [1, 1, 2], "v": [1.0, 2.0, 4.0]})
    >>> lh.sql("select k, sum(v) as v from t group by k order by k", t=t).compute().to_pydict()
    {'k': [1, 2], 'v': [3.0, 4.0]}
    >>> lh.sql("select w from t", t=t)
    Traceback (most recent call last):
        ...
    leafhold.errors.SqlError: no column `w`; did you mean `v`?
     --> line 1, column 8
    1 | select w from t
      |        ^
    """
    frames = {name: table if isinstance(table, Frame) else from_arrow(table, name) for name, table in tables.items()}
    return Frame(_leafhold.Expr.sql(query, {name: frame._expr for name, frame in frames.items()}))
