"""The driver's book, which Python feeds: law T1, whatever it hears."""

from __future__ import annotations

import json
import random
from typing import Any

import leafhold as lh
import pytest
from conftest import totals
from runs import slow_future
from tasks import arrow


def test_law_t1_a_book_that_hears_nonsense() -> None:
    """Python feeds the book, and cannot make it break the law: 300 random stories."""
    chance = random.Random(1)
    frame = totals(lh.from_futures([slow_future(0) for _ in range(3)], schema=arrow(0)))
    graph = frame._expr.lower("nonce")
    handles = [handle for _, _, handle in frame._expr.futures()]
    count = len(graph.keys)
    error = ("kind", "message", None)
    for _ in range(300):
        book, events = graph.ledger(chance.randrange(3)), []
        for now in range(chance.randrange(60)):
            task, word = chance.randrange(count + 1), _word(chance, now)
            match chance.randrange(10):
                case 0 | 1 | 2:
                    book.started(task, word, now)
                case 3 | 4 | 5:
                    book.answered(task, word, now)
                case 6:
                    book.there(task, now)
                case 7:
                    book.worker_lost(chance.choice("ab"), "gone", now)
                case 8:
                    book.future(chance.choice(handles), chance.choice([None, None, error]), chance.random() < 0.5, now)
                case 9 if chance.random() < 0.2:
                    chance.choice([book.task_lost, book.failed])(task, error, now)
            events += book.take_events()
        last, report = book.close(0, 100, 2)
        found = sorted(json.loads(event)["task"] for event in [*events, *last])
        assert found == list(range(count)) and len(report) == count
        with pytest.raises(ValueError, match="closed"):
            book.close(0, 100, 2)
    with pytest.raises(ValueError, match="no way to end"):
        graph.ledger(0).answered(0, _word(chance, 0) | {"what": "well"}, 1)


def _word(chance: random.Random, now: int) -> dict[str, Any]:
    return {
        "id": chance.choice("abc"),
        "worker": chance.choice("ab"),
        "host": "here",
        "started": now,
        "what": chance.choice(["ok", "ok", "failed", "stopped"]),
        "ended": now,
        "transfer": 0,
        "bytes_in": 0,
        "bytes_out": 0,
        "rows": 1,
        "node_rows": [1, None],
        "observed": chance.choice([None, '{"w": {"time_us": 1}}', "nonsense"]),
        "peak_memory": chance.choice([None, 1 << 20]),
        "peak_execution_memory": chance.choice([None, 1 << 10]),
        "error": None,
    }
