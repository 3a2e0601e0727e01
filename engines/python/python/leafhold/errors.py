"""What can go wrong, by name.

====================================  ==========================================================
``LeafholdError``                     the base of all of these
``PlanError``                         an expression or plan that cannot be
``SqlError`` (PlanError)              a query's text: unknown columns, types, syntax (``line``, ``column``)
``SchemaError``                       data that are no table, or not the table that their leaf promised
``FutureError``                       a future that gives no data (``kind`` says why, in one word)
``FutureFailedError``                 .. its computation raised an error, which is the ``__cause__``
``FutureCancelledError``              .. somebody cancelled it
``FutureLostError``                   .. its engine no longer has it: worker, client or cluster are gone
``ForeignFutureError``                .. it belongs to another engine than the one that shall read it
``NestedFutureError``                 futures inside a future that may not be there, or form a circle
``SerializationError``                something that cannot be written or read back
``NotDeterministicError``             something whose token stands for itself and not for its content
``WorkerError``                       a worker that cannot take part: the wheel is missing or another one
``ComputeError``                      a task that raised an error: a cast, a division, an overflow
``RunCancelledError``                 a run that somebody cancelled
====================================  ==========================================================

Every one has ``leaf``, ``partition``, ``key`` and ``engine``, which are ``None`` where they do not
apply, and survives pickling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._report import RunReport

__all__ = [
    "ComputeError",
    "ForeignFutureError",
    "FutureCancelledError",
    "FutureError",
    "FutureFailedError",
    "FutureLostError",
    "LeafholdError",
    "LeafholdWarning",
    "NestedFutureError",
    "NotDeterministicError",
    "PlanError",
    "RunCancelledError",
    "SchemaError",
    "SerializationError",
    "SqlError",
    "WorkerError",
]


class LeafholdError(Exception):
    """The base of all errors that Leafhold raises by itself.

    >>> error = LeafholdError("no rows", leaf="orders", partition=2)
    >>> error.leaf, error.partition, error.key
    ('orders', 2, None)
    """

    #: The name of the leaf that the error is about.
    leaf: str | None = None
    #: Which of the leaf's partitions, from 0.
    partition: int | None = None
    #: The engine's name of the data.
    key: str | None = None
    #: The engine that has, or had, the data.
    engine: str | None = None
    #: What happened to every task of the run, where there was a run.
    report: RunReport | None = None

    def __init__(self, message: str = "", **attributes: Any) -> None:
        super().__init__(message)
        for name, value in attributes.items():
            setattr(self, name, value)

    def again(self, leaf: str | None = None, partition: int | None = None) -> LeafholdError:
        """The same error, perhaps told of a leaf's partition.

        Another object: one that was raised holds the frames that it went through, and all that these hold.
        """
        message, attributes = str(self), dict(self.__dict__)
        if leaf is not None:
            message = f"leaf `{leaf}`, partition {partition}: {message}"
            attributes |= {"leaf": leaf, "partition": partition}
        error = type(self)(message, **attributes)
        error.__cause__ = self.__cause__
        return error

    def __reduce__(self) -> Any:
        # The cause goes with the error where it can: it is the better half of the story.
        return _rebuild, (type(self), self.args, self.__dict__, _portable(self.__cause__))


def _rebuild(cls: type, args: tuple, attributes: dict, cause: BaseException | None) -> BaseException:
    error = cls(*args, **attributes)
    error.__cause__ = cause
    return error


def _portable(cause: BaseException | None) -> BaseException | None:
    import pickle

    if cause is None:
        return None
    try:
        pickle.loads(pickle.dumps(cause))
    except Exception:
        return RuntimeError(f"{type(cause).__name__}: {cause}")
    return cause


class PlanError(LeafholdError):
    """An expression or a plan that cannot be."""


class SqlError(PlanError):
    """A query that does not become an expression; the message shows the place."""

    #: Where, from 1.
    line: int | None = None
    #: Where, from 1.
    column: int | None = None


class SchemaError(LeafholdError):
    """Data that are no table, or not the table that their leaf promised."""


class FutureError(LeafholdError):
    """A future that gives no data."""

    #: ``"failed"``, ``"cancelled"``, ``"lost"`` or ``"foreign"``.
    kind: str = "failed"
    #: The engine's own words.
    reason: str = ""

    def __init__(self, message: str = "", **attributes: Any) -> None:
        super().__init__(message, **attributes)
        if not self.reason:
            self.reason = message


class FutureFailedError(FutureError):
    """A future whose computation raised an error: the ``__cause__``."""

    kind = "failed"


class FutureCancelledError(FutureError):
    """A future that somebody cancelled."""

    kind = "cancelled"


class FutureLostError(FutureError):
    """A future whose data its engine no longer has."""

    kind = "lost"


class ForeignFutureError(FutureError):
    """A future of another engine than the one that shall read it."""

    kind = "foreign"


class NestedFutureError(LeafholdError):
    """Futures inside a future's value that may not be there, or that form a circle."""


class SerializationError(LeafholdError):
    """Something that cannot be written, or read back."""


class NotDeterministicError(LeafholdError):
    """Something whose token stands for itself and not for its content; ``path`` says where."""

    #: Where in the object, such as ``$[0]['lock']``.
    path: str | None = None


class WorkerError(LeafholdError):
    """A worker that cannot take part, because the package ``leafhold`` is missing there or another one."""


class ComputeError(LeafholdError):
    """A task of a plan that raised an error."""


class RunCancelledError(LeafholdError):
    """A run that somebody cancelled."""


class LeafholdWarning(UserWarning):
    """Something that went right, and that its user should know of."""
