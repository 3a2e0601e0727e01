"""Tokens of Python objects: what the native half cannot see into."""

from __future__ import annotations

import copyreg
import itertools
import sys
import types
import uuid
import weakref
from typing import Any

import pyarrow as pa

from . import _leafhold


def tokenize(obj: Any, ensure_deterministic: bool = False) -> str:
    """The identity of an object's content, 64 hexadecimal digits: equal in every process.

    Dicts and sets count without their order, floats by their bits, Arrow data by their logical content.
    What has no content that could be read (a lock, a generator, a future) counts as itself: its token
    is the same for the same object, and for nothing else; with ``ensure_deterministic`` it is a
    :class:`~leafhold.NotDeterministicError` that says where it is.

    A class says of what its objects are made by a method ``__leafhold_tokenize__``, or by Dask's
    ``__dask_tokenize__``.

    >>> import leafhold as lh
    >>> lh.tokenize({"a": 1, "b": (2.0, None)}) == lh.tokenize({"b": (2.0, None), "a": 1})
    True
    >>> lh.tokenize([1]) == lh.tokenize([1.0])
    False
    >>> lh.tokenize({"x": [object()]}, ensure_deterministic=True)
    Traceback (most recent call last):
        ...
    leafhold.errors.NotDeterministicError: $['x'][0]: an object of type object stands for itself ...
    """
    return _leafhold.tokenize(obj, ensure_deterministic)


#: Instances are counted, in a session that no other process has: addresses come back.
_SESSION = uuid.uuid4().hex
_numbers = itertools.count()
_by_address: dict[int, tuple[weakref.ref[Any], int]] = {}

Normal = tuple[str, str, Any]


def normalize(obj: Any) -> Normal:
    """Of what an object is made: ``("parts", name, tuple)``, ``("arrow", name, table)``, or
    ``("identity", name, what)`` for what stands for itself."""
    from ._frame import Frame

    kind = type(obj)
    if kind is Frame:
        return "parts", "leafhold.Frame", (obj._expr,)
    own = getattr(kind, "__leafhold_tokenize__", None)
    if own is not None:
        return "parts", name_of(kind), (own(obj),)
    package = kind.__module__.partition(".")[0]
    handler = _PACKAGES.get(package)
    if handler is not None:
        normal = handler(obj)
        if normal is not None:
            return normal
    dask = getattr(kind, "__dask_tokenize__", None)
    if dask is not None:
        return "parts", name_of(kind), (dask(obj),)
    if isinstance(obj, type) or isinstance(obj, types.ModuleType):
        return "parts", name_of(kind), (_reference(obj),)
    if isinstance(obj, (types.FunctionType, types.BuiltinFunctionType)):
        return _function(obj)
    if isinstance(obj, types.CodeType):
        return _code(obj)
    if isinstance(obj, types.CellType):
        return "parts", "cell", (_cell(obj),)
    if isinstance(obj, types.MethodType):
        return "parts", "method", (obj.__func__, obj.__self__)
    if obj is ... or obj is NotImplemented:
        return "parts", name_of(kind), ()
    if kind is object:
        return _identity(obj)
    return _reduced(obj)


def name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _identity(obj: Any) -> Normal:
    return "identity", name_of(type(obj)), f"{_SESSION}-{_number(obj)}"


def _number(obj: Any) -> int:
    address = id(obj)
    known = _by_address.get(address)
    if known is not None and known[0]() is obj:
        return known[1]
    number = next(_numbers)
    try:
        ref = weakref.ref(obj, lambda _: _by_address.pop(address, None))
    except TypeError:
        # Nothing can tell when it goes, so it is another one every time.
        return number
    _by_address[address] = (ref, number)
    return number


def _reference(obj: Any) -> tuple[str, str]:
    return getattr(obj, "__module__", None) or "", getattr(obj, "__qualname__", None) or obj.__name__


def _importable(obj: Any) -> bool:
    """Whether another process finds the same thing under its name."""
    module, name = _reference(obj)
    found: Any = sys.modules.get(module)
    if module in ("", "__main__") or found is None:
        return False
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is obj


def _function(obj: Any) -> Normal:
    if _importable(obj):
        return "parts", "function", _reference(obj)
    if isinstance(obj, types.BuiltinFunctionType):
        return "parts", "builtin", (obj.__self__, obj.__name__)
    closure = obj.__closure__ or ()
    names = [name for name in _names(obj.__code__) if name in obj.__globals__]
    # A function that calls itself, or another one, is not followed for ever: circles are named as such.
    globals_ = {name: obj.__globals__[name] for name in names}
    return "parts", "lambda", (obj.__code__, obj.__defaults__, obj.__kwdefaults__, closure, globals_)


def _names(code: types.CodeType) -> list[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(_names(constant))
    return sorted(names)


def _code(code: types.CodeType) -> Normal:
    # Neither the file nor the lines are content.
    content = (
        sys.version_info[:2],
        code.co_code,
        code.co_consts,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags,
    )
    return "parts", "code", content


def _cell(cell: Any) -> Any:
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def _reduced(obj: Any) -> Normal:
    """What pickling would take an object apart into; what cannot be pickled stands for itself."""
    try:
        reducer = copyreg.dispatch_table.get(type(obj))
        reduced = reducer(obj) if reducer is not None else obj.__reduce_ex__(4)
    except Exception:
        return _identity(obj)
    if isinstance(reduced, str):
        return "parts", name_of(type(obj)), (reduced,)
    function, arguments, *rest = reduced
    state = rest[0] if len(rest) > 0 else None
    items = list(rest[1]) if len(rest) > 1 and rest[1] is not None else None
    entries = list(rest[2]) if len(rest) > 2 and rest[2] is not None else None
    return "parts", name_of(type(obj)), (function, arguments, state, items, entries)


def _numpy(obj: Any) -> Normal | None:
    import numpy as np

    if isinstance(obj, np.ufunc):
        return "parts", "numpy.ufunc", (obj.__name__,)
    if type(obj) is not np.ndarray:
        return None
    dtype, shape = obj.dtype, obj.shape
    if dtype.hasobject:
        return "parts", "numpy.ndarray", (str(dtype), shape, obj.tolist())
    if dtype.names is not None:
        # Between fields there may be padding, which is no content.
        return "parts", "numpy.ndarray", (str(dtype), shape, [obj[name] for name in dtype.names])
    return "parts", "numpy.ndarray", (dtype.str, shape, _Bytes(np.ascontiguousarray(obj)))


class _Bytes:
    """The memory of a contiguous array."""

    def __init__(self, array: Any) -> None:
        self.array = array


def _bytes(obj: _Bytes) -> Normal:
    import numpy as np

    flat = obj.array.reshape(-1).view(np.uint8)
    data = pa.Array.from_buffers(pa.uint8(), len(flat), [None, pa.py_buffer(flat)])
    return "arrow", "bytes", pa.RecordBatch.from_arrays([data], ["bytes"])


def _pandas(obj: Any) -> Normal | None:
    import pandas as pd

    if type(obj) is pd.DataFrame:
        columns = [_column(obj.iloc[:, at]) for at in range(obj.shape[1])]
        return "parts", "pandas.DataFrame", (obj.columns, obj.index, columns, obj.attrs)
    if type(obj) is pd.Series:
        return "parts", "pandas.Series", (obj.name, obj.index, _column(obj), obj.attrs)
    if isinstance(obj, pd.RangeIndex):
        return "parts", "pandas.RangeIndex", (obj.name, obj.start, obj.stop, obj.step)
    if isinstance(obj, pd.MultiIndex):
        return "parts", "pandas.MultiIndex", (list(obj.names), list(obj.levels), list(obj.codes))
    if isinstance(obj, pd.Index):
        return "parts", name_of(type(obj)), (obj.name, getattr(obj, "freqstr", None), _column(obj))
    return None


def _column(column: Any) -> tuple[str, Any]:
    """The values of a column or an index."""
    import numpy as np
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return str(dtype), column.to_numpy()
    if isinstance(dtype, pd.CategoricalDtype):
        values = column.array
        return "category", (values.codes, values.categories, values.ordered)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return str(dtype), column.array.asi8
    try:
        values = pa.array(column.array, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return str(dtype), column.to_numpy(dtype=object).tolist()
    return str(dtype), values


def _pyarrow(obj: Any) -> Normal | None:
    if isinstance(obj, (pa.Table, pa.RecordBatch)):
        table = obj if isinstance(obj, pa.Table) else pa.Table.from_batches([obj])
        # How the rows lie in chunks is no content.
        return "arrow", "arrow.table", table.combine_chunks()
    if isinstance(obj, (pa.ChunkedArray, pa.Array)):
        array = obj if isinstance(obj, pa.ChunkedArray) else pa.chunked_array([obj])
        return "arrow", "arrow.array", pa.table({"": array}).combine_chunks()
    if isinstance(obj, pa.Schema):
        return "arrow", "arrow.schema", obj.empty_table()
    if isinstance(obj, pa.Field):
        return "arrow", "arrow.field", pa.schema([obj]).empty_table()
    if isinstance(obj, pa.DataType):
        return "arrow", "arrow.type", pa.schema([pa.field("", obj)]).empty_table()
    return None


def _distributed(obj: Any) -> Normal | None:
    import distributed

    if not isinstance(obj, distributed.Future):
        return None
    if obj.client is None:
        return _identity(obj)
    # The live data, which all futures of one key and client share while they live.
    from ._dask import engine_of, instance_of

    instance = instance_of(obj.client, obj.key, obj._state)
    return "identity", "distributed.Future", f"{_SESSION}-{engine_of(obj.client)}-{instance}"


def _own(obj: Any) -> Normal | None:
    return _bytes(obj) if type(obj) is _Bytes else None


_PACKAGES = {
    "numpy": _numpy,
    "pandas": _pandas,
    "pyarrow": _pyarrow,
    "distributed": _distributed,
    "leafhold": _own,
}
