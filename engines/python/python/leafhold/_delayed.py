"""``dask.delayed`` objects among futures."""

from __future__ import annotations

import sys
from typing import Any

from .errors import PlanError


def submitted(futures: list[Any]) -> list[Any]:
    """The same futures, with every delayed object submitted to the cluster of the others."""
    delayed = sys.modules.get("dask.delayed")
    at = [place for place, item in enumerate(futures) if delayed and isinstance(item, delayed.Delayed)]
    if not at:
        return futures
    client = _client(futures)
    out = list(futures)
    for place, future in zip(at, client.compute([futures[place] for place in at])):
        out[place] = future
    return out


def _client(futures: list[Any]) -> Any:
    import distributed

    for future in futures:
        if isinstance(future, distributed.Future) and future.client is not None:
            return future.client
    try:
        return distributed.get_client()
    except ValueError as error:
        raise PlanError(
            "delayed objects become futures of a cluster, and there is no client; make a distributed.Client first"
        ) from error
