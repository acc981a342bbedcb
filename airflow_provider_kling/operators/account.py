# SPDX-License-Identifier: Apache-2.0
"""The operator that checks the account's credit before other tasks spend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal, Unpack

from ..api.account import USAGE_LAG_NOTE, PackageType, active_packs, package_type, remaining_units
from ..api.templating import is_templated
from ..exceptions import KlingAccountError
from ..utils.redaction import sanitize_text
from ..version_compat import BaseBranchOperator
from ._hook_mixin import KlingHookMixin
from ._parameters import invalid_parameter

if TYPE_CHECKING:
    from ..version_compat import Context, XComArg
    from ._base_operator_kwargs import BaseOperatorKwargs

_PACKAGE_TYPES = ("video", "image", "try-on")
_MAX_NAME_LENGTH = 100
_MAX_NAMES_LENGTH = 500


class KlingAccountOperator(KlingHookMixin, BaseBranchOperator):
    """Read what is left in the account's resource packs, and go on only if it is enough.

    The request is free. Kling's count lags up to 12 hours: what was used since then is not in it, so leave a
    margin of half a day's use.

    Only packs in effect are counted. Returns ``{"remaining_units", "threshold_units", "enough", "packs"}``,
    both sums as text, to be exact.

    :param threshold_units: units that must be left, 0 or more.
    :param package_type: ``video``, ``image`` or ``try-on``: only packs of this type, whose units are worth
        different amounts. The type is read from the pack's name, the only place where the API has it.
    :param resource_pack_name: only the pack of exactly this name.
    :param on_low: what to do when less is left. ``fail`` fails the task for good: a retry would not fill the
        pack. ``skip`` skips all that comes after. A list of ids of tasks directly after this one is a branch:
        those tasks run instead of the others; when enough is left, the others run and those do not.
    :param kling_conn_id: id of a connection of type ``kling``.
    """

    template_fields: Sequence[str] = (
        "threshold_units",
        "package_type",
        "resource_pack_name",
        "on_low",
        "kling_conn_id",
    )
    ui_color = "#d7f5e9"

    def __init__(
        self,
        *,
        threshold_units: float | Decimal | str | XComArg,
        package_type: PackageType | XComArg | None = None,
        resource_pack_name: str | XComArg | None = None,
        on_low: Literal["fail", "skip"] | list[str] | XComArg = "fail",
        kling_conn_id: str | XComArg = "kling_default",
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None:
        super().__init__(**kwargs)
        self.threshold_units = threshold_units
        self.package_type = package_type
        self.resource_pack_name = resource_pack_name
        self.on_low = on_low
        self.kling_conn_id = kling_conn_id
        for name, read in (("threshold_units", _units), ("package_type", _type), ("on_low", _parse_on_low)):
            if not is_templated(getattr(self, name)):
                self._read(name, read)

    def execute(self, context: Context) -> dict[str, Any]:
        """Compare what is left with the threshold, and branch.

        :param context: Airflow's context of the running task.
        :return: ``remaining_units`` and ``threshold_units`` as text, ``enough`` and the ``packs``.
        :raises KlingAccountError: less is left, with ``on_low="fail"``.
        """
        threshold = self._read("threshold_units", _units)
        plan = self._read("on_low", _parse_on_low)
        packs = self._packs()
        left = remaining_units(packs)
        state = {
            "remaining_units": str(left),
            "threshold_units": str(threshold),
            "enough": left >= threshold,
            "packs": packs,
        }
        text = f"{left} units are left in {_format_packs(packs)}; {threshold} are required. {USAGE_LAG_NOTE}"
        if left < threshold and plan == "fail":
            raise KlingAccountError(f"{text} No job was made by this task.")
        self.log.info("%s", text)
        self._branch(context, plan, state)
        return state

    def _packs(self) -> list[dict[str, Any]]:
        name = str(self.resource_pack_name) if self.resource_pack_name else None
        wanted = self._read("package_type", _type)
        found = self.hook.account.costs(resource_pack_name=name)
        packs = [dict(pack) for pack in active_packs(found) if not wanted or package_type(pack) == wanted]
        kinds = {package_type(pack) for pack in packs}
        if len(kinds) > 1:
            self.log.warning(
                "Packs of different types are added up (%s), though their units are worth different amounts: "
                "set package_type or resource_pack_name.",
                _format_packs(packs),
            )
        return packs

    def _branch(self, context: Context, plan: str | list[str], state: Mapping[str, Any]) -> None:
        followed = self._branches_to_follow(plan, enough=state["enough"])
        if followed is None:
            return
        if self.do_xcom_push:
            # Airflow 3 ends the task inside the call that skips others, and no return value gets through.
            context["ti"].xcom_push(key="return_value", value=dict(state))
        self.do_branch(context, followed)

    def _branches_to_follow(self, plan: str | list[str], *, enough: bool) -> list[str] | None:
        """Return the tasks to go on with; ``None`` for all of them."""
        if isinstance(plan, str):
            return None if enough else []
        if unknown := sorted(set(plan) - self.downstream_task_ids):
            after = ", ".join(sorted(self.downstream_task_ids)) or "none"
            expected = f"tasks directly after this one ({after}), not {', '.join(unknown)}"
            invalid_parameter(self.task_id, "on_low", self.on_low, expected)
        return sorted(self.downstream_task_ids - set(plan)) if enough else plan

    def _read(self, name: str, read: Any) -> Any:
        try:
            return read(getattr(self, name))
        except ValueError as error:
            invalid_parameter(self.task_id, name, getattr(self, name), str(error))


def _units(value: Any) -> Decimal:
    try:
        units = Decimal(str(value))
    except InvalidOperation:
        units = Decimal("NaN")
    if not units.is_finite() or units < 0:
        raise ValueError("a number of units, 0 or more")
    return units


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


def _format_packs(packs: Sequence[Mapping[str, Any]]) -> str:
    names = [repr(sanitize_text(str(pack.get("resource_pack_name")), _MAX_NAME_LENGTH)) for pack in packs]
    return sanitize_text(", ".join(names), _MAX_NAMES_LENGTH) if names else "no pack that is in effect"
