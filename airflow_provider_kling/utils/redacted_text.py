# SPDX-License-Identifier: Apache-2.0
"""Texts that hold their redacted form, so that whatever stores or shows them cannot show more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .redaction import redact_text


class RedactedText(str):
    """A redacted text that carries what it was made of.

    To JSON, logs and comparisons it is the redacted text; only :func:`original_of` returns the rest.

    :param text: the redacted text.
    :param original: the value that it stands for.
    """

    original: Any

    def __new__(cls, text: str, original: Any) -> RedactedText:
        """Make the text."""
        made = super().__new__(cls, text)
        made.original = original
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what copies are made of."""
        return type(self), (str(self), self.original)


class RedactedItems(RedactedText):
    """A text in a list that stands for any number of its items."""


def redact_texts(value: Any) -> Any:
    """Replace the texts of a JSON value that must not be shown, such that they can be restored.

    :param value: JSON value of any depth; it is not changed.
    :return: a copy in which such a text is a :class:`RedactedText`.
    """
    if isinstance(value, RedactedText):
        return value
    if isinstance(value, str):
        shown = redact_text(value)
        return value if shown == value else RedactedText(shown, value)
    if isinstance(value, Mapping):
        return {key: redact_texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_texts(item) for item in value]
    return value


def original_of(value: Any) -> Any:
    """Restore the texts that were redacted.

    :param value: a value, which may have been changed since.
    :return: the same with the original of each :class:`RedactedText` in it.
    """
    if isinstance(value, RedactedText):
        return value.original
    if type(value) is dict:
        return {key: original_of(item) for key, item in value.items()}
    if type(value) is list:
        return [each for item in value for each in _originals(item)]
    return value


def _originals(item: Any) -> Iterable[Any]:
    return item.original if isinstance(item, RedactedItems) else (original_of(item),)
