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


class Slow:
    """A table that takes its time when it is read: a task that sleeps."""

    def __init__(self, part: int, seconds: float) -> None:
        self.part, self.seconds = part, seconds

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        time.sleep(self.seconds)
        return arrow(self.part).__arrow_c_stream__(requested_schema)


class Large:
    """A table whose readers need so many bytes for a while."""

    def __init__(self, part: int, size: int) -> None:
        self.part, self.size = part, size

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        block = bytearray(self.size)
        # Every page, so that all of it is resident.
        block[:: 1 << 12] = b"1" * len(block[:: 1 << 12])
        return arrow(self.part).__arrow_c_stream__(requested_schema)


def announced() -> None:
    """Waits until the scheduler knows that this task has begun: whoever dies now leaves an attempt behind."""
    import os

    from distributed import get_client, get_worker
    from leafhold._measure import TOPIC

    try:
        key = get_worker().get_current_task()
    except ValueError:
        # No worker of a cluster runs it.
        return
    client, process = get_client(), f"-{os.getpid()}-"
    deadline = time.monotonic() + 60
    while not any(word["key"] == key and process in word["id"] for _, word in client.get_events(TOPIC)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Gated:
    """A table that can be read once a file is there; each reader leaves its process id beside it, once it is known that
    it has begun."""

    def __init__(self, part: int, folder: str, gate: str = "open") -> None:
        self.part, self.folder, self.gate = part, folder, gate

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        import os
        from pathlib import Path

        announced()
        folder = Path(self.folder)
        (folder / f"reads-{self.part}-{os.getpid()}-{time.monotonic_ns()}").touch()
        deadline = time.monotonic() + 60
        while not (folder / self.gate).exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return arrow(self.part).__arrow_c_stream__(requested_schema)


class Waiting:
    """A value that is read once a file is there whose name fits."""

    def __init__(self, value: Any, folder: str, pattern: str) -> None:
        self.value, self.folder, self.pattern = value, folder, pattern

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        from pathlib import Path

        deadline = time.monotonic() + 60
        while not list(Path(self.folder).glob(self.pattern)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self.value.__arrow_c_stream__(requested_schema)


class Failing:
    """A table that raises when it is read; the first ``good`` times, counted in a file."""

    def __init__(self, text: str, folder: str | None = None, times: int = 1 << 30) -> None:
        self.text, self.folder, self.times = text, folder, times

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        if self.folder is not None:
            from pathlib import Path

            before = len(list(Path(self.folder).iterdir()))
            (Path(self.folder) / f"try-{before}").touch()
            if before >= self.times:
                return arrow(0).__arrow_c_stream__(requested_schema)
        return fail(self.text)


class Once:
    """A table that raises when it is read again."""

    def __init__(self, part: int, folder: str) -> None:
        self.part, self.folder = part, folder

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        from pathlib import Path

        read = Path(self.folder) / f"read-{self.part}"
        if read.exists():
            return fail("it was read twice")
        read.touch()
        return arrow(self.part).__arrow_c_stream__(requested_schema)


class Witness:
    """An observer of work that says where it was called, for what, and in which order."""

    def __init__(self) -> None:
        self.began: list[Any] = []

    def on_start(self, context: dict[str, Any]) -> None:
        import os
        import threading

        self.began.append((context, os.getpid(), threading.get_ident(), time.monotonic_ns()))

    def on_end(self, context: dict[str, Any], outcome: dict[str, Any]) -> Any:
        import os
        import threading

        [[began, at]] = [[word, word[3]] for word in self.began if word[0] == context][-1:]
        return {
            "pid": os.getpid(),
            "same_thread": began[1:3] == (os.getpid(), threading.get_ident()),
            "context": context,
            "outcome": outcome,
            "time_us": (time.monotonic_ns() - at) / 1e3,
        }


class Angry:
    """An observer of work that raises."""

    def __init__(self, when: str, text: str = "angry") -> None:
        self.when, self.text = when, text

    def on_start(self, context: dict[str, Any]) -> None:
        if self.when == "start":
            raise RuntimeError(self.text)

    def on_end(self, context: dict[str, Any], outcome: dict[str, Any]) -> Any:
        if self.when == "end":
            raise RuntimeError(self.text)
        # JSON has no such thing.
        return {"set": {1}}


class Saying:
    """An observer of work that says one thing."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def on_start(self, context: dict[str, Any]) -> None:
        pass

    def on_end(self, context: dict[str, Any], outcome: dict[str, Any]) -> Any:
        return self.said


class Unreadable:
    """An observer of work that can be sent to a worker, and not be read there."""

    def __reduce__(self) -> Any:
        return fail, ("it cannot be read back",)

    def on_start(self, context: dict[str, Any]) -> None:
        raise AssertionError("nobody has read it back")

    def on_end(self, context: dict[str, Any], outcome: dict[str, Any]) -> Any:
        raise AssertionError("nobody has read it back")


class Deadly:
    """A table whose readers die, once it is known that they began."""

    def __init__(self, part: int) -> None:
        self.part = part

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        import os
        import signal

        announced()
        os.kill(os.getpid(), signal.SIGKILL)


class Hungry:
    """A table whose readers take so many bytes, and hold them."""

    def __init__(self, part: int, size: int) -> None:
        self.part, self.size = part, size

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        announced()
        block = bytearray(self.size)
        block[:: 1 << 12] = b"1" * len(block[:: 1 << 12])
        time.sleep(60)
        raise AssertionError("nobody has ended this process")


def after_event(event: str, raises: bool) -> Any:
    from distributed import Event

    Event(event).wait(timeout=60)
    return fail("no data") if raises else numbers(1)


def aside(event: str, value: Any) -> Any:
    """Gives a value once an event is set, or raises it; until then, the worker has room for other tasks."""
    from distributed import Event, secede

    secede()
    assert Event(event).wait(timeout=60)
    if isinstance(value, BaseException):
        raise value
    return value
