"""What the tests run on workers."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd
import pyarrow as pa


def numbers(part: int) -> pd.DataFrame:
    return pd.DataFrame({"a": [part, part + 10], "k": [part % 2, part % 2]})


def arrow(part: int) -> pa.Table:
    return pa.table({"a": [part, part + 10], "k": [part % 2, part % 2]})


def slow(part: int, seconds: float = 1.0) -> pd.DataFrame:
    time.sleep(seconds)
    return numbers(part)


def after(lock: str, part: int) -> pd.DataFrame:
    """Waits until the test sets an event."""
    from distributed import Event

    assert Event(lock).wait(timeout=60)
    return numbers(part)


def fail(text: str) -> Any:
    raise ZeroDivisionError(text)


def same(value: Any) -> Any:
    return value


def inner(part: int) -> Any:
    """A future of a table."""
    from distributed import get_client

    return get_client().submit(numbers, part, pure=False)


def inner_slow(part: int) -> Any:
    from distributed import get_client

    return get_client().submit(slow, part, pure=False)


def inner_list(parts: int) -> Any:
    return [inner(part) for part in range(parts)]


def inner_map(parts: int) -> Any:
    return {f"part-{part}": inner(part) for part in range(parts)}


def inner_deep(part: int) -> Any:
    """A future of a future of a list of a future and a table."""
    from distributed import get_client

    client = get_client()
    return client.submit(_middle, part, pure=False)


def _middle(part: int) -> Any:
    from distributed import get_client

    return get_client().submit(_bottom, part, pure=False)


def _bottom(part: int) -> Any:
    return [inner(part), numbers(part + 1)]


def inner_failing(text: str) -> Any:
    from distributed import get_client

    return get_client().submit(fail, text, pure=False)


def circle(key: str) -> Any:
    """A future of itself."""
    from distributed import Future

    return Future(key)
