# SPDX-License-Identifier: Apache-2.0
"""Limits on what a job may cost, in units and in US dollars by Kling's list price. Pure: no I/O."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingRequestInvalid
from .prepared_request import enforce_max_units, estimate_of

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
    if value is None or (isinstance(value, str) and not value):
        return None
    try:
        amount = None if isinstance(value, bool) else Decimal(str(value).strip().removeprefix("$"))
        if amount is not None and amount.is_finite() and amount >= 0:
            return amount
    except InvalidOperation:
        pass
    raise KlingRequestInvalid(
        f"Invalid value for {name!r}: {value!r}; expected US dollars, 0 or more.", job=JobState.NOT_CREATED
    )


def enforce_limits(order: PreparedRequest, max_units: Any, max_usd: Any) -> None:
    """Refuse a request that may cost more than is allowed.

    :param order: the request with its estimate.
    :param max_units: most that it may cost, in units; no limit when unset.
    :param max_usd: most that it may cost by Kling's list price, in US dollars; no limit when unset.
    :raises KlingRequestInvalid: it costs more, or its cost cannot be known.
    """
    enforce_max_units(order, max_units)
    most = parse_usd("max_usd", max_usd)
    if most is None:
        return
    from ..api.pricing import PRICES_OF, format_usd, usd_of

    if order.estimate is None:
        by_length = estimate_of(order.endpoint, order.request, seconds=Decimal(1)) is not None
        remedy = " Give expected_seconds: its price goes by a length that is not in the request."
        raise KlingRequestInvalid(
            f"{order.endpoint}: max_usd={most} is set, but what this job costs cannot be known before it is"
            f" made.{remedy if by_length else ''}",
            job=JobState.NOT_CREATED,
        )
    usd = usd_of(order.endpoint, order.estimate)
    if usd > most:
        raise KlingRequestInvalid(
            f"{order.endpoint}: this job would cost about {format_usd(usd)}, more than max_usd={most} allows:"
            f" {order.estimate} units by the list price of {PRICES_OF}.",
            job=JobState.NOT_CREATED,
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
