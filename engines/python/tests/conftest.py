from __future__ import annotations

import faulthandler
import gc
import logging
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest

import leafhold as lh
import leftovers
from leafhold import _leafhold

#: A test that takes longer hangs, and says where.
HANGS = 240


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    faulthandler.dump_traceback_later(HANGS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True, scope="session")
def _quiet() -> None:
    # Workers that are killed on purpose say so at length.
    for name in ("distributed", "distributed.worker", "distributed.scheduler", "distributed.nanny"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    report = yield
    # What failed holds its frames, and with them whatever these hold: no leak to complain of.
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(autouse=True, scope="session")
def _temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder for temporary files of these tests' own, and of the workers that they start."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        assert tempfile.gettempdir() == str(folder)
        yield


@pytest.fixture(autouse=True)
def _nothing_is_left(request: pytest.FixtureRequest, _temporary_folder: None) -> Iterator[None]:
    """When a test is over, every live future that it has taken over was released, exactly once, and it has left no thread,
    no file, and no process."""
    processes = len(leftovers.children())
    yield
    if not request.node.stash[_FAILED]:
        wait_until(lambda: _leafhold.handle_counts()[0] == _leafhold.handle_counts()[1], collect)
        wait_until(lambda: not leftovers.of_this_process(), collect, tell=leftovers.of_this_process)
        wait_until(lambda: len(leftovers.children()) <= processes, tell=leftovers.children)


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Any]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def client(_cluster: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client of two worker processes; nothing is left on it at the end."""
    from distributed import Client

    with Client(_cluster) as client:
        client.wait_for_workers(2, timeout=60)
        yield client
        if not request.node.stash[_FAILED]:
            assert_empty(client)


@pytest.fixture
def fresh_client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client of a cluster that no test has done anything to: a restart of workers that were killed before may never end."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            yield client
            if not request.node.stash[_FAILED]:
                assert_empty(client)


@pytest.fixture
def other_client(_cluster: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A second client of the same cluster."""
    from distributed import Client

    with Client(_cluster, set_as_default=False) as client:
        yield client
        if not request.node.stash[_FAILED]:
            wait_until(lambda: not client.futures and not client.refcount, collect)


@pytest.fixture(scope="session")
def _threads() -> Iterator[Any]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def in_process(_threads: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client of two workers in this very process."""
    from distributed import Client

    with Client(_threads) as client:
        yield client
        if not request.node.stash[_FAILED]:
            assert_empty(client)


def cancel(client: Any, futures: Any) -> None:
    """Cancels, and waits until the client has heard of it: Dask says so by key, and would else say it of
    the next future of that key."""
    import distributed

    # Dask's scheduler bears neither a key that is not there yet, nor one that unwanted tasks still read.
    distributed.wait(futures)
    wait_until(lambda: not client.run_on_scheduler(_tasks), collect)
    client.cancel(futures)
    client.submit(str, pure=False).result()


def collect() -> None:
    gc.collect()
    _leafhold.drain()


def assert_empty(client: Any) -> None:
    """Nobody holds anything on the cluster through this client, the cluster has none of our tasks, and no worker has a thread
    or a file of ours."""
    wait_until(lambda: not client.futures and not client.refcount, collect, tell=lambda: dict(client.refcount))
    wait_until(lambda: not client.run_on_scheduler(_tasks), collect, tell=lambda: client.run_on_scheduler(_tasks))
    wait_until(lambda: not leftovers.of_cluster(client), tell=lambda: leftovers.of_cluster(client))


def _tasks(dask_scheduler: Any = None) -> list[str]:
    return [key for key in dask_scheduler.tasks if str(key).startswith("leafhold-")]


def wait_until(
    holds: Any, meanwhile: Any = lambda: None, seconds: float = 60, tell: Any = lambda: "it never came to hold"
) -> None:
    deadline = time.monotonic() + seconds
    meanwhile()
    while not holds():
        assert time.monotonic() < deadline, tell()
        time.sleep(0.02)
        meanwhile()


def rows(table: Any) -> list[tuple]:
    """The rows of a table, in an order of their own."""
    return sorted(tuple(row.values()) for row in table.to_pylist())


TOTALS = "select k, sum(a) as total, count(*) as n from t group by k"


def totals(frame: lh.Frame) -> lh.Frame:
    """Rows of all partitions, grouped: they are few enough for one task to gather."""
    return lh.sql(TOTALS, t=frame)


def pairs(frame: lh.Frame) -> lh.Frame:
    """All pairs of rows of a group, counted and summed: a shuffle of splits with a port per join, and what gathers these."""
    joined = lh.sql("select x.k, x.a, y.a as b from t as x join t as y on x.k = y.k", t=frame)
    return lh.sql("select count(*) as n, sum(a + b) as total from p", p=joined)
