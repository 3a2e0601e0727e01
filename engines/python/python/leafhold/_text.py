"""Texts of others, as they can be sent and written down."""

from __future__ import annotations


def encodable(text: str) -> str:
    """The text, with an escape for each half of a surrogate pair. Python makes such halves of the names of files that are no
    UTF-8, and nobody else takes them for text.

    >>> print(encodable("no data-\\udcff.csv"))
    no data-\\udcff.csv
    """
    return text.encode("utf-8", "backslashreplace").decode()


def words(error: BaseException | None) -> str:
    """An exception in a line."""
    kind, text = type(error).__name__, str(error)
    return encodable(f"{kind}: {text}" if text else kind)
