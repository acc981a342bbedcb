# SPDX-License-Identifier: Apache-2.0
"""The operator that checks the account's credit before other tasks use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal, Unpack

from ..api.account import (
    CASH_NOTE,
    USAGE_LAG_NOTE,
    PackageType,
    active_packs,
    package_type,
    remaining_units,
)
from ..api.templating import is_templated
from ..exceptions import KlingAccountError
from ..utils.redaction import sanitize_text
from ..version_compat import BaseBranchOperator
from ._hook_mixin import KlingHookMixin
from ._parameters import invalid_parameter, read_conn_id
from ._templates import RenderingMixin

if TYPE_CHECKING:
    from ..version_compat import Context, XComArg
    from ._base_operator_kwargs import BaseOperatorKwargs

_PACKAGE_TYPES = ("video", "image", "try-on")
_CURRENCIES = ("USD", "CNY")
_FILTERS = ("currency", "package_type", "resource_pack_name")
_FILTER_EXPECTED = "a value; check the task and the key that it names, or leave it out"
_MAX_NAME_LENGTH = 100
_MAX_NAMES_LENGTH = 500

_Check = tuple[Decimal, Decimal, str, dict[str, Any]]
"""The rest, the threshold, a sentence for people, and the facts."""


class KlingAccountOperator(KlingHookMixin, RenderingMixin, BaseBranchOperator):
    """Read what is left in the account's resource packs or cash balance, and continue only if it is enough.

    The request is free. Kling's count lags up to 12 hours and does not include later use, so leave a margin
    of half a day's use.

    Only packs in effect are counted. Returns ``{"remaining_units", "threshold_units", "enough", "packs"}``;
    for cash ``{"remaining_cash", "threshold_cash", "enough", "currency", "balances"}``; sums are text, to be
    exact. With both thresholds, both must be met.

    :param threshold_units: units that must be left, 0 or more.
    :param threshold_cash: money that must be left, for an account that pays in cash, 0 or more. Kling reports
        the balance only with each charge: the balance after the last charge within 400 days counts, without
        money that was added since then.
    :param currency: ``USD`` or ``CNY``: only balances in it. Required with ``threshold_cash`` if the account
        has balances in several.
    :param package_type: ``video``, ``image`` or ``try-on``: only packs of this type, whose units are worth
        different amounts. The type is read from the pack's name, the only place where the API has it.
    :param resource_pack_name: only the pack of exactly this name.
    :param on_low: what to do if less is left. ``fail`` fails the task without a retry, which would not fill
        the pack. ``skip`` skips all downstream tasks. A list of ids of tasks directly downstream is a branch:
        these tasks run instead of the others; if enough is left, the others run and these do not.
    :param kling_conn_id: id of a connection of type ``kling``.
    """

    template_fields: Sequence[str] = (
        "threshold_units",
        "threshold_cash",
        "currency",
        "package_type",
        "resource_pack_name",
        "on_low",
        "kling_conn_id",
    )
    ui_color = "#d7f5e9"

    def __init__(
        self,
        *,
        threshold_units: float | Decimal | str | XComArg | None = None,
        threshold_cash: float | Decimal | str | XComArg | None = None,
        currency: Literal["USD", "CNY"] | XComArg | None = None,
        package_type: PackageType | XComArg | None = None,
        resource_pack_name: str | XComArg | None = None,
        on_low: Literal["fail", "skip"] | list[str] | XComArg = "fail",
        kling_conn_id: str | XComArg = "kling_default",
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None:
        super().__init__(**kwargs)
        self.threshold_units = threshold_units
        self.threshold_cash = threshold_cash
        self.currency = currency
        self.package_type = package_type
        self.resource_pack_name = resource_pack_name
        self.on_low = on_low
        self.kling_conn_id = kling_conn_id
        if not is_templated(kling_conn_id):
            read_conn_id(self.task_id, "kling_conn_id", kling_conn_id)
        for name, read in _READERS.items():
            if not is_templated(getattr(self, name)):
                self._read(name, read)
        limits = {"threshold_units": threshold_units, "threshold_cash": threshold_cash}
        self._limits = [name for name, value in limits.items() if value is not None]
        if not self._limits:
            self._read("threshold_units", _required)

    def execute(self, context: Context) -> dict[str, Any]:
        """Compare what is left with the thresholds, and branch.

        :param context: Airflow's context of the running task.
        :return: what is left and the thresholds as text, ``enough``, the ``packs`` and ``balances``.
        :raises KlingAccountError: less is left, with ``on_low="fail"``; or the cash balance is not known.
        """
        self._check_filters()
        limits = {name: self._read(name, _READERS[name]) for name in self._limits}
        for name in self._limits:
            if limits[name] is None:
                self._read(name, _required)
        on_low = self._read("on_low", _parse_on_low)
        checks = (
            self._check_units(limits.get("threshold_units")),
            self._check_cash(limits.get("threshold_cash")),
        )
        required = [check for check in checks if check]
        enough = all(remaining >= threshold for remaining, threshold, _, _ in required)
        state = {"enough": enough} | {key: value for *_, facts in required for key, value in facts.items()}
        sentences = " ".join(sentence for _, _, sentence, _ in required)
        if not enough and on_low == "fail":
            raise KlingAccountError(f"Top up the account: {sentences} No job was made by this task.")
        self.log.info("%s", sentences)
        self._branch(context, on_low, state)
        return state

    def _check_filters(self) -> None:
        """Fail for a filter that a template lost: other packs would decide whether money is spent."""
        self.check_rendered()
        for lost in self.unresolved:
            if lost.path[0] in _FILTERS:
                invalid_parameter(self.task_id, lost.name, lost.value, _FILTER_EXPECTED)

    def _check_units(self, threshold: Decimal | None) -> _Check | None:
        if threshold is None:
            return None
        packs = self._packs()
        remaining = remaining_units(packs)
        names = _format_packs(packs)
        text = f"{remaining} units are left in {names}; {threshold} are required. {USAGE_LAG_NOTE}"
        facts = {"remaining_units": str(remaining), "threshold_units": str(threshold), "packs": packs}
        return remaining, threshold, text, facts

    def _check_cash(self, threshold: Decimal | None) -> _Check | None:
        if threshold is None:
            return None
        only = self._read("currency", _currency)
        balances = [
            each for each in self.hook.account.cash_balances() if not only or each["currency"] == only
        ]
        currencies = sorted({each["currency"] for each in balances})
        if len(currencies) > 1:
            expected = f"one of {', '.join(map(repr, currencies))}: the account has balances in each"
            invalid_parameter(self.task_id, "currency", self.currency, expected)
        if not balances:
            raise KlingAccountError(
                "Use threshold_units if the account pays with resource packs: the cash balance"
                f"{f' in {only}' if only else ''} is not known: no charge in cash within 400 "
                "days. No job was made by this task."
            )
        remaining = sum((Decimal(each["balance"]) for each in balances), Decimal(0))
        currency = sanitize_text(currencies[0], _MAX_NAME_LENGTH)
        amount = f"{remaining} {currency}".rstrip()
        text = f"{amount} is left in cash; {threshold} is required. {CASH_NOTE} {USAGE_LAG_NOTE}"
        facts = {"remaining_cash": str(remaining), "threshold_cash": str(threshold), "currency": currency}
        return remaining, threshold, text, {**facts, "balances": balances}

    def _packs(self) -> list[dict[str, Any]]:
        name = self._read("resource_pack_name", _pack_name)
        only_type = self._read("package_type", _type)
        all_packs = self.hook.account.costs(resource_pack_name=name)
        packs = [
            dict(pack) for pack in active_packs(all_packs) if not only_type or package_type(pack) == only_type
        ]
        types = {package_type(pack) for pack in packs}
        if len(types) > 1:
            self.log.warning(
                "Packs of different types are added up (%s), though their units are worth different amounts: "
                "set package_type or resource_pack_name.",
                _format_packs(packs),
            )
        return packs

    def _branch(self, context: Context, on_low: str | list[str], state: Mapping[str, Any]) -> None:
        branches = self._branches_to_follow(on_low, enough=state["enough"])
        if branches is None:
            return
        from ..submission.idempotency import push_xcom, task_instance

        task_instance(context)
        if self.do_xcom_push:
            # Airflow 3 ends the task inside the call that skips others, without a return value.
            push_xcom(context, "return_value", dict(state))
        self.do_branch(context, branches)

    def _branches_to_follow(self, on_low: str | list[str], *, enough: bool) -> list[str] | None:
        """Return the tasks to run next; ``None`` for all of them."""
        if isinstance(on_low, str):
            return None if enough else []
        if unknown := sorted(set(on_low) - self.downstream_task_ids):
            downstream = ", ".join(sorted(self.downstream_task_ids)) or "none"
            expected = f"tasks directly after this one ({downstream}), not {', '.join(unknown)}"
            invalid_parameter(self.task_id, "on_low", self.on_low, expected)
        return sorted(self.downstream_task_ids - set(on_low)) if enough else on_low

    def _read(self, name: str, read: Any) -> Any:
        try:
            return read(getattr(self, name))
        except ValueError as error:
            invalid_parameter(self.task_id, name, getattr(self, name), str(error))


def _units(value: Any) -> Decimal | None:
    return _number(value, "a number of units, 0 or more")


def _cash(value: Any) -> Decimal | None:
    return _number(value, "an amount of money, 0 or more")


def _number(value: Any, expected: str) -> Decimal | None:
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise ValueError(expected)
    return number


def _required(_: Any) -> None:
    raise ValueError("threshold_units or threshold_cash to be a number, 0 or more")


def _currency(value: Any) -> str | None:
    if value in (None, ""):
        return None
    if value not in _CURRENCIES:
        raise ValueError(f"{' or '.join(map(repr, _CURRENCIES))}")
    return str(value)


def _pack_name(value: Any) -> str | None:
    if value in (None, ""):
        return None
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError("the name of a pack")


def _type(value: Any) -> str | None:
    if value in (None, ""):
        return None
    if value not in _PACKAGE_TYPES:
        raise ValueError(f"{' or '.join(map(repr, _PACKAGE_TYPES))}")
    return str(value)


def _parse_on_low(value: Any) -> str | list[str]:
    if value in ("fail", "skip"):
        return str(value)
    if not isinstance(value, list | tuple) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError("'fail', 'skip' or a list of task ids")
    return list(value)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "threshold_units": _units,
    "threshold_cash": _cash,
    "currency": _currency,
    "package_type": _type,
    "resource_pack_name": _pack_name,
    "on_low": _parse_on_low,
}


def _format_packs(packs: Sequence[Mapping[str, Any]]) -> str:
    names = [repr(sanitize_text(str(pack.get("resource_pack_name")), _MAX_NAME_LENGTH)) for pack in packs]
    return sanitize_text(", ".join(names), _MAX_NAMES_LENGTH) if names else "no pack that is in effect"
