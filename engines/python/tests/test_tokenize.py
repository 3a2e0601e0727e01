"""Tokens of Python objects: honest, idempotent, and the same in every process."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import itertools
import pathlib
import pickle
import subprocess
import sys
import threading
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tasks import numbers

import leafhold as lh


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


@dataclasses.dataclass
class Point:
    x: int
    y: Any


class Own:
    def __init__(self, content: Any) -> None:
        self.content, self.lock = content, threading.Lock()

    def __leafhold_tokenize__(self) -> Any:
        return self.content


class Dasks:
    def __init__(self, content: Any) -> None:
        self.content, self.lock = content, threading.Lock()

    def __dask_tokenize__(self) -> Any:
        return self.content


#: One of each: no two of them may have one token, nor may it depend on the process.
CORPUS: dict[str, Any] = {
    "none": None,
    "true": True,
    "one": 1,
    "float one": 1.0,
    "complex one": 1 + 0j,
    "minus one": -1,
    "zero": 0.0,
    "minus zero": -0.0,
    "nan": float("nan"),
    "text one": "1",
    "bytes one": b"1",
    "bytearray one": bytearray(b"1"),
    "large": 2**63,
    "larger": 2**64,
    "minus large": -(2**100),
    "empty text": "",
    "half a pair": "\ud800",
    "empty tuple": (),
    "empty list": [],
    "empty dict": {},
    "empty set": set(),
    "empty frozenset": frozenset(),
    "tuple": (1, 2),
    "list": [1, 2],
    "nested": [[1], 2],
    "nested otherwise": [1, [2]],
    "flat": [1, 2, []],
    "set": {1, 2, "x"},
    "frozenset": frozenset({1, 2, "x"}),
    "dict": {"a": 1, "b": [2]},
    "dict of the keys": {"a": [2], "b": 1},
    "dict of numbers": {1: "a", 2: "b"},
    "ordered": collections.OrderedDict(a=1, b=[2]),
    "range": range(3),
    "slice": slice(1, 2),
    "ellipsis": ...,
    "date": datetime.date(2024, 1, 1),
    "datetime": datetime.datetime(2024, 1, 1),
    "datetime utc": datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    "timedelta": datetime.timedelta(days=1),
    "decimal": decimal.Decimal("1.0"),
    "decimal of another scale": decimal.Decimal("1.00"),
    "fraction": fractions.Fraction(1, 3),
    "uuid": uuid.UUID(int=5),
    "path": pathlib.PurePosixPath("a/b"),
    "enum": Colour.RED,
    "other enum": Colour.GREEN,
    "dataclass": Point(1, [2]),
    "other dataclass": Point(1, [3]),
    "class": Point,
    "function": numbers,
    "builtin": len,
    "method": "x".join,
    "partial": functools.partial(numbers, 1),
    "lambda": lambda x: x + 1,
    "other lambda": lambda x: x + 2,
    "closure": (lambda n: lambda x: x + n)(1),
    "other closure": (lambda n: lambda x: x + n)(2),
    "module": itertools,
    "own": Own([1]),
    "dask's": Dasks([1]),
    "numpy int": np.int64(1),
    "numpy float": np.float64(1),
    "dtype": np.dtype("i4"),
    "ufunc": np.add,
    "array": np.arange(6),
    "array of int32": np.arange(6, dtype="i4"),
    "array of another shape": np.arange(6).reshape(2, 3),
    "array of objects": np.array([1, "x", None], dtype=object),
    "array of text": np.array(["a", "bc"]),
    "array of times": np.array(["2024-01-01"], dtype="M8[ns]"),
    "structured": np.array([(1, 2.0)], dtype=[("a", "i1"), ("b", "f8")]),
    "frame": pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    "frame of other names": pd.DataFrame({"a": [1, 2], "c": ["x", "y"]}),
    "frame of another index": pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[1, 2]),
    "frame of another order": pd.DataFrame({"b": ["x", "y"], "a": [1, 2]}),
    "series": pd.Series([1, 2], name="a"),
    "series of another name": pd.Series([1, 2], name="b"),
    "series of Int64": pd.Series([1, None], dtype="Int64"),
    "categories": pd.Series(["a", "b"], dtype="category"),
    "categories in order": pd.Series(pd.Categorical(["a", "b"], ordered=True)),
    "times with a zone": pd.Series(pd.date_range("2024", periods=2, tz="UTC")),
    "times": pd.Series(pd.date_range("2024", periods=2)),
    "index": pd.Index([1, 2]),
    "range index": pd.RangeIndex(2),
    "multi index": pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]),
    "interval index": pd.IntervalIndex.from_breaks([0, 1, 2]),
    "timestamp": pd.Timestamp("2024-01-01"),
    "missing": pd.NA,
    "no time": pd.NaT,
    "table": pa.table({"a": [1, 2]}),
    "table of int32": pa.table({"a": pa.array([1, 2], pa.int32())}),
    "arrow array": pa.array([1, 2]),
    "arrow array of floats": pa.array([1.0, 2.0]),
    "arrow schema": pa.schema([("a", pa.int64())]),
    "arrow field": pa.field("a", pa.int64()),
    "arrow type": pa.int64(),
    "frame of ours": lh.from_arrow(pa.table({"a": [1, 2]})),
}


def tokens() -> dict[str, str]:
    return {name: lh.tokenize(value) for name, value in CORPUS.items()}


def test_no_two_different_things_share_a_token() -> None:
    names: dict[str, str] = {}
    for name, token in tokens().items():
        assert len(token) == 64
        assert token not in names, f"{name} and {names[token]}"
        names[token] = name


def test_tokens_are_idempotent() -> None:
    assert tokens() == tokens()


def test_the_corpus_has_content() -> None:
    for name, value in CORPUS.items():
        assert lh.tokenize(value, ensure_deterministic=True) == lh.tokenize(value), name


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_tokens_are_the_same_in_another_process(seed: str) -> None:
    import os
    from pathlib import Path

    program = "import json, test_tokenize; print(json.dumps(test_tokenize.tokens()))"
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    import json

    assert json.loads(done.stdout) == tokens()


PICKLED = [
    name
    for name in CORPUS
    if "lambda" not in name and "closure" not in name and name not in ("module", "own", "dask's")
]


@pytest.mark.parametrize("name", PICKLED)
def test_tokens_survive_a_round_trip(name: str) -> None:
    value = CORPUS[name]
    assert lh.tokenize(pickle.loads(pickle.dumps(value))) == lh.tokenize(value)


def test_the_order_of_dicts_and_sets_is_no_content() -> None:
    names = [f"name-{at}" for at in range(50)]
    one = {name: at for at, name in enumerate(names)}
    other = dict(reversed(one.items()))
    assert lh.tokenize(one) == lh.tokenize(other)
    assert lh.tokenize(set(names)) == lh.tokenize(set(reversed(names)))


def test_how_arrays_lie_is_no_content() -> None:
    array = np.arange(24).reshape(4, 6)
    assert lh.tokenize(array) == lh.tokenize(np.asfortranarray(array)) == lh.tokenize(array[::-1][::-1])
    assert lh.tokenize(array[:, 1:3]) == lh.tokenize(array[:, 1:3].copy())
    table = pa.table({"a": list(range(10)), "b": [str(at) for at in range(10)]})
    pieces = pa.concat_tables([table.slice(0, 3), table.slice(3)])
    assert lh.tokenize(table) == lh.tokenize(pieces)
    assert lh.tokenize(table.slice(2, 5)) == lh.tokenize(pa.Table.from_pylist(table.slice(2, 5).to_pylist()))


def test_what_has_no_content_counts_as_itself() -> None:
    lock, other = threading.Lock(), threading.Lock()
    assert lh.tokenize(lock) == lh.tokenize(lock) == lh.tokenize(lock)
    assert lh.tokenize(lock) != lh.tokenize(other)
    assert lh.tokenize([object()]) != lh.tokenize([object()])


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (threading.Lock(), "$"),
        ([1, {"x": (object(),)}], "$[1]['x'][0]"),
        ({(1, "k"): (n for n in ())}, "$[(1, 'k')]"),
        (Point(1, [threading.Lock()]), "$.<test_tokenize.Point>[2]['y'][0]"),
        ({"a": {1, object()}}, "$['a']"),
    ],
)
def test_ensure_deterministic_says_where(value: Any, path: str) -> None:
    lh.tokenize(value)
    with pytest.raises(lh.NotDeterministicError) as caught:
        lh.tokenize(value, ensure_deterministic=True)
    assert caught.value.path == path and str(caught.value).startswith(f"{path}: an object of type ")


def test_what_is_inside_itself() -> None:
    def circle(first: int) -> list[Any]:
        circle: list[Any] = [first]
        circle.append({"up": circle})
        return circle

    assert lh.tokenize(circle(1)) == lh.tokenize(circle(1)) != lh.tokenize(circle(2))
    # Twice the same is no circle.
    shared = [1]
    assert lh.tokenize([shared, shared]) == lh.tokenize([[1], [1]])


def test_depth_is_no_limit() -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    assert lh.tokenize(deep) == lh.tokenize(deep)
    # Taken apart by hand: Python's own way to let go of it recurses.
    while deep:
        deep = deep[0]


def test_futures_count_as_their_live_data(client: Any) -> None:
    first, second = client.submit(numbers, 0), client.submit(numbers, 0)
    assert lh.tokenize(first) == lh.tokenize(second) != lh.tokenize(client.submit(numbers, 1))
    with pytest.raises(lh.NotDeterministicError, match=r"\$\[0\]: an object of type distributed.client.Future"):
        lh.tokenize([first], ensure_deterministic=True)
    frame = lh.from_futures([first], schema=numbers(0))
    assert lh.tokenize(frame) == lh.tokenize(lh.from_futures([second], schema=numbers(0)))
    with pytest.raises(lh.NotDeterministicError):
        lh.tokenize(frame, ensure_deterministic=True)
