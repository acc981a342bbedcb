# SPDX-License-Identifier: Apache-2.0
"""An account's credit: its calls and how to read them. Source: the vendor's pages of 2026-09."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal

from .response_values import amount, milliseconds, signed_amount

COSTS = "/account/costs"
UNIT_LEDGER = "/account/billing/package"
CASH_LEDGER = "/account/billing/balance"

MAX_LEDGER_PAGE = 500
"""Most lines of a ledger on one page."""

USAGE_LAG_NOTE = "Kling's count lags up to 12 hours: what was used since then is not in it."

CASH_NOTE = "It is what the last charge left: money added since then is not in it."

PackageType = Literal["video", "image", "try-on"]

_TYPE_WORDS: Mapping[PackageType, tuple[str, ...]] = {
    "try-on": ("try-on", "try on", "tryon", "试穿"),
    "video": ("video", "视频"),
    "image": ("image", "picture", "图片", "图像"),
}


def package_type(pack: Mapping[str, Any]) -> PackageType | None:
    """Return the type of units that a resource pack holds, judged by its name: the API does not state it.

    :param pack: a pack as ``/account/costs`` describes it.
    :return: the type; ``None`` if the name shows none.
    """
    name = str(pack.get("resource_pack_name") or "").lower()
    return next((kind for kind, words in _TYPE_WORDS.items() if any(word in name for word in words)), None)


def active_packs(packs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the packs that can be used now: online, neither used up, expired nor yet to begin.

    :param packs: packs as ``/account/costs`` describes them.
    :return: the usable ones, in the same order.
    """
    return [pack for pack in packs if str(pack.get("status")).strip().lower() == "online"]


def remaining_units(packs: Iterable[Mapping[str, Any]]) -> Decimal:
    """Return the sum of the units that remain in packs of one type; each type has units of its own.

    :param packs: packs as ``/account/costs`` describes them.
    :return: the sum; a pack without a readable quantity counts as 0.
    """
    return sum((amount(pack.get("remaining_quantity")) or Decimal(0) for pack in packs), Decimal(0))


def cash_balances(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the last charge of each balance has left of it.

    :param lines: lines of the cash ledger.
    :return: one of each ``cash_type`` and ``currency``, with ``balance`` as text and ``as_of`` in Unix time
        (ms).
    """
    newest: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for line in lines:
        left, moment = (
            signed_amount(line.get("balance_after_deduction")),
            milliseconds(line.get("deduction_time")),
        )
        if left is None or moment is None:
            continue
        balance = str(line.get("cash_type") or "balance"), str(line.get("currency") or "")
        # Of charges of the same moment the one that leaves least is the last.
        known = newest.get(balance)
        if known is None or (moment, -left) > (known[0], -known[1]):
            newest[balance] = (moment, left)
    return [
        {"cash_type": kind, "currency": currency, "balance": str(left), "as_of": moment}
        for (kind, currency), (moment, left) in sorted(newest.items())
    ]
