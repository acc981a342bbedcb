# SPDX-License-Identifier: Apache-2.0
"""What the bodies of all create calls have in common."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ...utils.urls import is_blank
from ..models import is_known_model
from .coercion import coerce_fields, is_none_word, unlisted_value
from .rules import TEMPLATED, Rule

BY_MODEL = frozenset(("duration", "mode", "resolution", "aspect_ratio", "audio"))
"""Fields whose values differ from model to model."""


class KlingObject(BaseModel):
    """An object inside a request body, such as one entry of a list."""

    # Built on first use: a DAG file imports every model of a module but seldom uses more than one.
    # JSON knows neither infinity nor NaN. Pydantic before 2.10 warns of every field named model_….
    model_config = ConfigDict(
        extra="forbid",
        defer_build=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_unset(cls, data: Any) -> Any:
        # A template renders an unset value to "", and the vendor's own samples send "" and [] for fields
        # that are not used, even for some that its tables do not have. A required field is
        # not removed, so that its empty value is rejected.
        if not isinstance(data, Mapping):
            return data
        required = _required_fields(cls)
        return {
            name: "" if is_blank(value) or is_none_word(value) else value
            for name, value in coerce_fields(cls, data).items()
            if name in required or not (_is_empty(value) or is_none_word(value))
        }

    def wire(self) -> dict[str, Any]:
        """Return the JSON that is sent: unset and empty values are left out, at every depth.

        :return: the JSON object.
        """
        body: dict[str, Any] = _drop_empty(self.model_dump(mode="json", exclude_none=True, warnings=False))
        return body


class KlingRequest(KlingObject):
    """The body of one create call, under the vendor's own field names and wire types.

    A subclass declares fields, ``rules`` and ``warning_rules``. A request that violates its shape (types,
    ranges, counts) or one of its rules is not sent; a violated warning rule only logs a warning. The values
    that the fields of :data:`BY_MODEL` list are checked for known models only: a later model may take others.
    """

    rules: ClassVar[tuple[Rule, ...]] = ()
    warning_rules: ClassVar[tuple[Rule, ...]] = ()

    @field_validator("*", mode="wrap")
    @classmethod
    def _skip_templated(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        if value is TEMPLATED:
            return TEMPLATED
        try:
            return handler(value)
        except ValidationError:
            name = str(info.field_name)
            if name not in BY_MODEL or _is_known(info.data.get("model_name")):
                raise
            found = unlisted_value(cls, name, value)
            if found is None:
                raise
            return found

    @model_validator(mode="after")
    def _check_rules(self) -> KlingRequest:
        templated = {name for name, value in vars(self).items() if value is TEMPLATED}
        for rule in self.rules:
            if templated.isdisjoint(rule.fields) and (what := rule.violation(self)):
                # Braces in the text (a prompt, say) must not be read as a template.
                raise PydanticCustomError("kling_rule", "{what}", {"what": what, "fields": rule.fields})
        return self

    @classmethod
    def to_body(cls, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON as it goes over the wire, where that is deeper than the fields are.

        :param body: JSON of the request's fields, with the external id.
        :return: the JSON body.
        """
        return dict(body)

    def warnings(self) -> list[str]:
        """Return the warnings that apply to this request, such as an unknown or retired model.

        :return: one text for each.
        """
        return [
            what for rule in self.warning_rules if rule.is_evaluable(self) and (what := rule.violation(self))
        ]


@functools.cache
def _required_fields(model: type[KlingObject]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if field.is_required())


def _is_known(name: Any) -> bool:
    # A template may hold any name, and is checked again when it is rendered.
    return name is not TEMPLATED and (name is None or is_known_model(name))


def _drop_empty(value: Any) -> Any:
    if isinstance(value, dict):
        sent = {key: _drop_empty(item) for key, item in value.items()}
        return {key: item for key, item in sent.items() if not _is_empty(item)}
    if isinstance(value, list):
        return [item for item in map(_drop_empty, value) if not _is_empty(item)]
    return value


def _is_empty(value: Any) -> bool:
    return value is None or is_blank(value) or (isinstance(value, list | dict) and not value)
