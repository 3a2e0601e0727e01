"""Leafhold: plans over Arrow data and over live futures, which are never lost, leaked or confused.

>>> import leafhold as lh, pyarrow as pa
>>> orders = pa.table({"customer": [1, 2, 1], "total": [10, 20, 30]})
>>> frame = lh.sql("select customer, sum(total) as total from orders group by customer order by 1", orders=orders)
>>> frame.compute().to_pydict()
{'customer': [1, 2], 'total': [40, 20]}

On a cluster of ``dask.distributed`` the data stay where they are::

    client = distributed.Client(..)
    parts = client.map(load, paths)              # pandas frames or Arrow tables, perhaps still on their way
    frame = lh.from_futures(parts, name="orders")
    del parts                                    # the frame holds them
    kept = lh.sql("select .. from orders", orders=frame).persist(executor=client)
    kept.compute(executor=client)                # only this result comes here

What happened to every task is a result, too: :meth:`Frame.run` gives a :class:`Run` with its :class:`RunReport`, and
an error carries it as ``error.report``.

Errors are :class:`LeafholdError` and its kinds, see :mod:`leafhold.errors`.
"""

from __future__ import annotations

import atexit

from . import _leafhold, errors
from ._frame import Frame, from_arrow, from_futures, sql
from ._report import RunReport
from ._run import Run
from ._tokenize import tokenize
from ._work import WorkObserver
from .errors import *  # noqa: F403

__version__: str = _leafhold.__version__

__all__ = [
    "Frame",
    "Run",
    "RunReport",
    "WorkObserver",
    "from_arrow",
    "from_futures",
    "sql",
    "tokenize",
    "errors",
    *errors.__all__,
]

# Releases that are due are carried out while there still is an interpreter.
atexit.register(_leafhold.close)
