# SPDX-License-Identifier: Apache-2.0
"""Limits on what a job may cost, in units and in US dollars by Kling's list price. Pure: no I/O."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingRequestInvalid
from .prepared_request import MAX_LIMIT, estimate_of, is_nothing, parse_units, read_decimal

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from .prepared_request import PreparedRequest

_UNIT_STEP = Decimal("0.000001")


def parse_usd(name: str, value: Any) -> Decimal | None:
    """Read an amount of US dollars.

    :param name: the parameter.
    :param value: a number of any type, or text, with or without a leading ``$``.
    :return: the amount; ``None`` where none is given.
    :raises KlingRequestInvalid: it is no finite number, or less than 0.
    """
    if value is None:
        return None
    try:
        number = value.strip().removeprefix("$") if isinstance(value, str) else value
        amount = None if isinstance(value, bool) else read_decimal(number)
        if amount is not None and amount.is_finite() and amount >= 0:
            return min(amount, MAX_LIMIT)
    except InvalidOperation:
        pass
    hint = "; without a limit, leave it out" if is_nothing(value) else ", 0 or more"
    raise KlingRequestInvalid(
        f"Invalid value for {name!r}: {value!r}; expected US dollars{hint}.", job=JobState.NOT_CREATED
    )


def enforce_limits(request: PreparedRequest, max_units: Any, max_usd: Any) -> None:
    """Refuse a request that may cost more than is allowed.

    :param request: the request with its estimate.
    :param max_units: most that it may cost, in units; no limit when unset.
    :param max_usd: most that it may cost by Kling's list price, in US dollars; no limit when unset.
    :raises KlingRequestInvalid: it costs more, or its cost cannot be known.
    """
    limits = {"max_units": parse_units("max_units", max_units), "max_usd": parse_usd("max_usd", max_usd)}
    for name, limit in limits.items():
        message = None if limit is None else _exceeded_message(request, name, limit)
        if message:
            raise KlingRequestInvalid(f"{message} ({request.endpoint}).", job=JobState.NOT_CREATED)


def _exceeded_message(request: PreparedRequest, name: str, limit: Decimal) -> str | None:
    """Return why a request is not within a limit, with what to do about it first."""
    from ..api.pricing import PRICES_OF, format_usd, units_to_usd

    if request.estimate is None:
        if estimate_of(request.endpoint, request.request, seconds=Decimal(1)) is not None:
            return f"Give expected_seconds: {name}={limit} needs the price, so the length, before payment"
        return f"Unset {name}={limit}: what this job costs cannot be known before payment"
    usd = units_to_usd(request.endpoint, request.estimate)
    if (usd if name == "max_usd" else request.estimate) <= limit:
        return None
    return (
        f"Raise {name}={limit} or request less: this job would cost about {request.estimate} units, "
        f"{format_usd(usd)} by the list price of {PRICES_OF}"
    )


def lowest_units(endpoint: Endpoint, max_units: Decimal | None, max_usd: Decimal | None) -> Decimal | None:
    """Return the lower one of two limits, in units.

    :param endpoint: the endpoint that takes the units.
    :param max_units: limit in units.
    :param max_usd: limit in US dollars by Kling's list price.
    :return: units; ``None`` without a limit.
    """
    from ..api.pricing import USD_PER_UNIT, unit_type

    limits = [] if max_units is None else [max_units]
    if max_usd is not None:
        limits.append((max_usd / USD_PER_UNIT[unit_type(endpoint)]).quantize(_UNIT_STEP, ROUND_DOWN))
    return min(limits, default=None)
