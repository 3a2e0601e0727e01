"""What the Python peers of Leafhold need for the same work; prints one JSON object.

Run by `leafhold-bench` with the interpreter of `.venv`. Times are the least of several repetitions.
"""

import argparse
import json
import time


def least(work, repetitions):
    """Seconds of the fastest of some calls."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def chain(frame, length):
    """`x = x + 1`, again and again."""
    for _ in range(length):
        frame = frame.assign(x=frame.x + 1)
    return frame


def expressions(repetitions):
    """Dask builds, names and plans a chain of assignments. 150 is near the limit of its recursion."""
    import dask.dataframe as dd
    import pandas as pd

    count = 0

    def fresh():
        # Another frame each time: Dask keeps live expressions and would find the old ones.
        nonlocal count
        count += 1
        return dd.from_pandas(pd.DataFrame({"x": range(count, count + 10)}), npartitions=1)

    length = 100
    frames = [fresh() for _ in range(repetitions)]
    build = least(lambda: chain(frames.pop(), length)._name, repetitions)
    nodes = len({node._name for node in chain(fresh(), length).expr.walk()}) - 1
    planned = chain(fresh(), 150)
    plan = least(lambda: planned.optimize(fuse=False), 1)
    return {
        "assignment_us": build / length * 1e6,
        "nodes_per_assignment": nodes / length,
        "plan_150_ms": plan * 1e3,
    }


def tokens(tokenize, repetitions):
    """Milliseconds for a frame of a million rows and ten columns, and for a list of 100,000 tuples."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(1)
    frame = pd.DataFrame({f"c{at}": random.random(1_000_000) for at in range(10)})
    tuples = [(at, f"key-{at}", at * 0.5) for at in range(100_000)]
    return {
        "frame_ms": least(lambda: tokenize(frame), repetitions) * 1e3,
        "list_ms": least(lambda: tokenize(tuples), repetitions) * 1e3,
    }


TASKS = 1_000


def nothing(number):
    """A task that does nothing."""
    return number


def dask_executor(repetitions):
    """Microseconds per task on a cluster of two worker processes."""
    from distributed import Client, LocalCluster

    count = 0

    def work(client):
        # Other arguments each time: results that are held are not computed again.
        nonlocal count
        count += 1
        client.gather(client.map(nothing, range(count * TASKS, (count + 1) * TASKS)))

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        work(client)
        return least(lambda: work(client), repetitions) / TASKS * 1e6


def ray_executor(repetitions):
    """Microseconds per task on two CPUs; None where Ray is not installed."""
    try:
        import ray
    except ImportError:
        return None
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    try:
        remote = ray.remote(nothing)

        def work():
            ray.get([remote.remote(number) for number in range(TASKS)])

        work()
        return least(work, repetitions) / TASKS * 1e6
    finally:
        ray.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=["interner", "tokens", "executor"])
    parser.add_argument("--repetitions", type=int, default=5)
    args = parser.parse_args()

    import dask

    result = {"dask": dask.__version__}
    if args.suite == "interner":
        result["expressions"] = expressions(args.repetitions)
    elif args.suite == "executor":
        result["dask_us"] = dask_executor(args.repetitions)
        result["ray_us"] = ray_executor(args.repetitions)
    else:
        from dask.tokenize import tokenize

        result["dask_tokens"] = tokens(tokenize, args.repetitions)
        try:
            import leafhold
        except ImportError:
            result["leafhold_tokens"] = None
        else:
            result["leafhold_tokens"] = tokens(leafhold.tokenize, args.repetitions)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
