"""Finding the futures of a frame that was read back from bytes."""

from __future__ import annotations

from . import _leafhold
from .errors import ForeignFutureError, FutureLostError


def resolve(engine: str, key: str) -> _leafhold.FutureHandle:
    """Called for a future that nothing in this process holds.

    A key is no identity: what the cluster has under it now may be other data. So what nobody holds is
    lost, and what another client held is that client's.
    """
    import distributed

    client_id = engine.partition("/")[2].partition("/")[0]
    here = {client.id for client in distributed.client._global_clients.values()}
    if client_id in here:
        raise FutureLostError(
            f"future {key!r} of {engine} is gone: nothing in this process has held it since the frame was written",
            key=key,
            engine=engine,
        )
    raise ForeignFutureError(
        f"future {key!r} belongs to {engine}, a client of another process; read the frame back where it was made",
        key=key,
        engine=engine,
    )
