# SPDX-License-Identifier: Apache-2.0
"""Times, numbers and charges in a response: what is not plausible is unknown, and never an exception."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from ..utils.redaction import strip_invisible

_EARLIEST_SECONDS = 1_000_000_000
_LATEST_SECONDS = 4_102_444_800
_MAX_DURATION_SECONDS = 86_400
_MAX_NUMBER_LENGTH = 10**16
_MAX_INTEGER = 2**63 - 1
_EXACT_FLOAT = 2**53
_MAX_DEPTH = 20
_NUMBER = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_NOTHING = frozenset(("", "none", "null", "undefined", "n/a", "-", "[]", "{}"))
_MAX_LABEL_LENGTH = 50


def milliseconds(value: Any) -> int | None:
    """Return a time as Unix time in ms.

    :param value: seconds or milliseconds, as a number or as text.
    :return: ``None`` for what is no time between 2001 and 2100.
    """
    number = amount(value)
    if number is None:
        return None
    if _EARLIEST_SECONDS <= number < _LATEST_SECONDS:
        return int(number * 1000)
    plausible = _EARLIEST_SECONDS * 1000 <= number < _LATEST_SECONDS * 1000
    return int(number) if plausible else None


def amount(value: Any) -> Decimal | None:
    """Return a number that is finite and not negative.

    :param value: a number or its text.
    :return: ``None`` for anything else.
    """
    text = amount_text(value)
    return None if text is None else Decimal(text)


def amount_text(value: Any) -> str | None:
    """Return a number that is finite and not negative, as the API writes it.

    :param value: a number or its text.
    :return: ``None`` for anything else.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, int) and not 0 <= value <= _MAX_INTEGER:
        return None
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return text if number < _MAX_NUMBER_LENGTH else None


def signed_amount(value: Any) -> Decimal | None:
    """Return a number that is finite, as :func:`amount`, or below 0.

    :param value: a number or its text.
    :return: ``None`` for anything else.
    """
    text = str(value).strip()
    if not text.startswith("-") or isinstance(value, bool):
        return amount(value)
    size = amount(text[1:])
    return None if size is None else -size


def charge(kind: str, row: Mapping[str, Any], *names: str) -> dict[str, str | None] | None:
    """Return one charge as results show it.

    :param kind: ``units`` or ``cash``.
    :param row: what the API says of it.
    :param names: keys of the amount, in the order in which they count.
    :return: ``None`` where no amount is stated; with ``amount`` ``None`` where it cannot be read.
    """
    stated = next((value for name in names if (value := row.get(name)) is not None), None)
    if str(stated).strip().lower() in _NOTHING:
        # Gateways write "None" and "" for what was not charged.
        return None
    return {
        "type": kind,
        "amount": amount_text(stated),
        "currency": _label(row.get("currency")),
        "list_price": amount_text(row.get("list_price")),
        "package": _label(row.get("package_type")),
    }


def charge_kind(row: Mapping[str, Any]) -> str:
    """Return the kind of charge of a row of ``billing``.

    :param row: a row of ``billing``.
    :return: ``units``, ``cash``, or an empty text if it is neither.
    """
    word = str(row.get("charge_type") or "").strip().lower()
    return {"unit": "units", "units": "units", "cash": "cash"}.get(word, "")


def sum_text(values: Iterable[Any]) -> str | None:
    """Return the sum of amounts as text.

    :param values: numbers or their text.
    :return: ``None`` if one of them is unknown or there is none.
    """
    numbers = [amount(value) for value in values]
    known = [number for number in numbers if number is not None]
    return str(sum(known, Decimal(0))) if known and len(known) == len(numbers) else None


def id_text(value: Any) -> str:
    """Return an id as text: JSON written by JavaScript may hold a whole number as ``870.0``.

    :param value: an id of an answer.
    :return: the text; empty for what is no id.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    exact = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_FLOAT
    return str(clean(str(int(value) if exact else value)))


def comparable_id(text: str) -> str:
    """Return an id as it is compared: a host may drop blanks around it and what is invisible.

    :param text: an id or external id.
    :return: the id without them.
    """
    return strip_invisible(text, len(text)).strip()


def is_true(value: Any) -> bool:
    """Return whether a flag is set: a gateway may write it as text or as a number.

    :param value: a flag of an answer.
    :return: ``True`` only for what certainly says so.
    """
    return str(value).strip().lower() in ("true", "1")


def duration(value: Any) -> Any:
    """Return a length in seconds as the API writes it.

    :param value: a number or its text.
    :return: the value; ``None`` if it is no plausible length.
    """
    number = amount(value)
    return value if number is not None and 0 < number <= _MAX_DURATION_SECONDS else None


def clean(value: Any, depth: int = _MAX_DEPTH) -> Any:
    """Return a JSON value that every JSON store accepts: no NaN, no lone surrogates, not too deep.

    :param value: a JSON value of an answer.
    :param depth: levels that are still read.
    :return: the value; what cannot be stored is ``None``.
    """
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if abs(value) <= _MAX_INTEGER else None
    if depth and isinstance(value, Mapping):
        return {clean(str(name)): clean(inner, depth - 1) for name, inner in value.items()}
    if depth and isinstance(value, list):
        return [clean(inner, depth - 1) for inner in value]
    return None


def _label(value: Any) -> str | None:
    return clean(value)[:_MAX_LABEL_LENGTH] or None if isinstance(value, str) else None
