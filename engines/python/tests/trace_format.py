"""A checker of traces in the trace-event format, as ``tests/common/trace_format.rs``: it reads them as Perfetto does, events
by time, slices of a thread on a stack, and each end of an arrow bound to the slice on top."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Checked(NamedTuple):
    """What a sound trace has: the arguments of its slices and instants; and for each arrow, those of the slices that it
    leads from and to."""

    slices: list[dict[str, Any]]
    instants: list[dict[str, Any]]
    arrows: list[tuple[dict[str, Any], dict[str, Any]]]


def check(text: str) -> Checked:
    """Checks a trace; an ``AssertionError`` says what is wrong with it."""
    events = json.loads(text)["traceEvents"]
    named = _names(event for event in events if event["ph"] == "M")
    checked = Checked([], [], [])
    now = 0
    #: The slices that have not ended, by thread: begin, end, arguments.
    open_slices: dict[tuple[int, int], list[tuple[int, int, Any]]] = {}
    leaving: dict[int, Any] = {}
    arrived: set[int] = set()
    for event in events:
        phase = event["ph"]
        if phase == "M":
            continue
        ts = _nanoseconds(event["ts"])
        assert ts >= now, f"time runs back at {event}"
        now = ts
        assert event["name"], f"no name: {event}"
        assert event["pid"] in named, f"a process without a name: {event}"
        if phase == "C":
            assert event["args"] and all(type(count) is int for count in event["args"].values()), event
            continue
        thread = (event["pid"], event["tid"])
        assert thread in named, f"a thread without a name: {event}"
        stack = open_slices.setdefault(thread, [])
        if phase == "X":
            end = ts + _nanoseconds(event["dur"])
            stack[:] = [slice for slice in stack if slice[1] > ts]
            assert all(slice[1] >= end for slice in stack), f"slices overlap at {event}"
            stack.append((ts, end, event["args"]))
            checked.slices.append(event["args"])
        elif phase == "i":
            assert event["s"] in ("g", "p", "t"), event
            checked.instants.append(event["args"])
        elif phase in ("s", "f"):
            # A slice is no longer around its own end, unless it has no length.
            assert stack and ts < max(stack[-1][1], stack[-1][0] + 1), f"an arrow's end with no slice around it: {event}"
            around, number = stack[-1][2], event["id"]
            if phase == "s":
                assert number not in leaving and number not in arrived, f"an arrow leaves twice: {event}"
                leaving[number] = around
            else:
                assert event["bp"] == "e", f"an arrow's head that waits for the next slice: {event}"
                assert number in leaving, f"an arrow from nowhere: {event}"
                checked.arrows.append((leaving.pop(number), around))
                arrived.add(number)
        else:
            raise AssertionError(f"an event of no known phase: {event}")
    assert not leaving, f"arrows to nowhere: {leaving}"
    return checked


def _names(events: Any) -> set[Any]:
    """The processes, and the threads of processes, that have a name."""
    named: set[Any] = set()
    for event in events:
        assert event["args"]["name"], event
        who = event["pid"] if event["name"] == "process_name" else (event["pid"], event["tid"])
        assert event["name"] in ("process_name", "thread_name") and who not in named, event
        named.add(who)
    return named


def _nanoseconds(microseconds: float) -> int:
    assert microseconds >= 0
    return round(microseconds * 1e3)
