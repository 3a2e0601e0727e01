"""What counts as a table, and how it becomes Arrow data."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa

from .errors import SchemaError


def to_table(value: Any) -> pa.Table | None:
    """The value as a ``pyarrow.Table`` without metadata, or ``None`` when it is no table.

    Tables are pandas frames (without their index), and everything with ``__arrow_c_stream__`` or, as
    a record batch, with ``__arrow_c_array__``.
    """
    if isinstance(value, pa.Table):
        table = value
    elif isinstance(value, pa.RecordBatch):
        table = pa.Table.from_batches([value])
    elif _is_pandas(value, "DataFrame"):
        table = _convert(value, lambda: pa.Table.from_pandas(value, preserve_index=False))
    elif isinstance(value, (pa.Array, pa.ChunkedArray)) or _is_pandas(value, "Series"):
        # They speak the protocol of streams, too, but a column is no table.
        return None
    elif hasattr(value, "__arrow_c_stream__"):
        table = _convert(value, lambda: pa.table(value))
    elif hasattr(value, "__arrow_c_array__"):
        table = _convert(value, lambda: pa.Table.from_batches([pa.record_batch(value)]))
    else:
        return None
    return table.replace_schema_metadata(None)


def to_schema(value: Any) -> pa.Schema:
    """The schema that the value is, or has."""
    if isinstance(value, pa.Schema):
        return value.remove_metadata()
    table = None if isinstance(value, type) else to_table(value)
    if table is not None:
        return table.schema
    if hasattr(value, "__arrow_c_schema__"):
        return pa.schema(value).remove_metadata()
    raise SchemaError(
        f"{describe(value)} is no schema; give a pyarrow.Schema, or an empty table of the columns to come"
    )


def describe(value: Any) -> str:
    """What a value is, in a few words."""
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if value is None or isinstance(value, (bool, int, float, str)):
        text = repr(value)
        return f"{name} {text if len(text) <= 40 else text[:37] + '...'}"
    return f"an object of type {name}"


def mismatch(promised: pa.Schema, table: pa.Table) -> tuple[str, str] | None:
    """What the table has, and what was promised instead; ``None`` when it is as promised."""
    found = table.schema
    if len(found) != len(promised):
        return f"the data has {len(found)} columns", str(len(promised))
    for at, (field, wanted) in enumerate(zip(found, promised)):
        if field.name != wanted.name:
            return f"column {at} is named `{field.name}`", f"`{wanted.name}`"
        if field.type != wanted.type:
            return f"column `{field.name}` has type {field.type}", str(wanted.type)
        if not wanted.nullable and table.column(at).null_count > 0:
            return f"column `{field.name}` of type {field.type} has nulls", f"{wanted.type} without nulls"
    return None


def concat(tables: list[pa.Table], schema: pa.Schema) -> pa.Table:
    """The rows of all tables, under the names of a schema."""
    named = [pa.Table.from_arrays(table.columns, schema=schema) for table in tables]
    return pa.concat_tables(named) if named else schema.empty_table()


def _is_pandas(value: Any, kind: str) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, kind))


def _convert(value: Any, convert: Any) -> pa.Table:
    try:
        return convert()
    except Exception as error:
        raise SchemaError(f"{describe(value)} does not become an Arrow table: {error}") from error
