# SPDX-License-Identifier: Apache-2.0
"""Prepare a request: validate it, resolve its media, estimate its cost and compute its fingerprint."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..api.requests.coercion import is_none_word, is_object_repr, parse_mapping, to_builtin
from ..api.requests.rules import TEMPLATED
from ..api.templating import values_in
from ..api.validation_errors import format_validation_error
from ..exceptions import JobState, KlingRequestInvalid
from ..utils.redaction import redact, redact_text, strip_url_signature
from ..utils.urls import is_blank, is_url

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.hosts import Dialect
    from ..api.requests.base import KlingRequest
    from .resolve import InputMetadata


MAX_LIMIT = Decimal(10**12)
"""Higher limits count as this one: no account has as much, and its text is short."""

_LONGEST_SHOWN = 120
_V2_SECTIONS = ("contents", "settings", "options")
EXTERNAL_TASK_ID = "external_task_id"
_DELIVERY = ("callback_url", EXTERNAL_TASK_ID)


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request that is ready to submit.

    :param endpoint: the endpoint.
    :param request: the validated request with all templates rendered.
    :param body: JSON body without the external id. Holds base64 and signed URLs: must not be logged.
    :param fingerprint: hash of the inputs, which does not depend on how media are given.
    :param user_external_task_id: external task id of the user, ``None`` if there is none.
    :param inputs: metadata of each input file.
    :param warnings: warnings for the user, a sentence each.
    :param estimate: estimated cost in units; ``None`` if it is unknown.
    """

    endpoint: Endpoint
    request: KlingRequest = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    fingerprint: str
    user_external_task_id: str | None
    inputs: tuple[InputMetadata, ...]
    warnings: tuple[str, ...]
    estimate: Decimal | None

    def metadata(self) -> dict[str, Any]:
        """Return the request as the manifest describes it, without the content of files.

        :return: ``model_name``, ``prompt``, ``parameters``, ``fingerprint``, ``inputs`` and ``estimate``.
        """

        body: dict[str, Any] = redact(self.body)
        return {
            "model_name": body.pop("model_name", None),
            "prompt": body.pop("prompt", None),
            "parameters": body,
            "fingerprint": self.fingerprint,
            "inputs": [item.to_json() for item in self.inputs],
            "estimate": None if self.estimate is None else str(self.estimate),
            **({} if self.estimate is None else {"estimate_usd": usd_text(self.endpoint, self.estimate)}),
        }


def usd_text(endpoint: Endpoint, units: Decimal) -> str:
    """Return what units are worth by Kling's list price, as exact text.

    :param endpoint: the endpoint that takes the units.
    :param units: an amount of units.
    :return: US dollars, such as ``0.42``.
    """
    from ..api.pricing import units_to_usd

    return f"{units_to_usd(endpoint, units).normalize():f}"


def prepare_request(
    endpoint: Endpoint,
    values: Mapping[str, Any],
    dialect: Dialect,
    extra_body: Mapping[str, Any] | None = None,
    *,
    expected_seconds: Decimal | None = None,
    find_seconds: Callable[[KlingRequest], Decimal | None] | None = None,
) -> PreparedRequest:
    """Validate a request, read its media, and build the body to send.

    :param endpoint: the endpoint.
    :param values: fields of the request; ``None`` counts as unset.
    :param dialect: API dialect of the host.
    :param extra_body: further JSON keys, sent unchanged.
    :param expected_seconds: duration that decides the price, if no input file has it.
    :param find_seconds: returns that duration for a request, if nothing else gives it.
    :return: the prepared request.
    :raises KlingRequestInvalid: values are invalid; the text names each field, value and constraint.
    :raises KlingServerError: a storage does not respond; a retry can help.
    """
    from ..api.hosts import format_for_host
    from .resolve import resolve_inputs

    extra_body = read_extra_body(extra_body)
    request = validate_request(endpoint, values)
    warnings = _host_warnings(endpoint, dialect, request)
    resolved = resolve_inputs(request)
    lengths = [Decimal(str(item.seconds)) for item in resolved.inputs if item.seconds is not None]
    seconds = max(lengths) if lengths else expected_seconds
    cost = estimate_of(endpoint, request, extra_body, seconds=seconds)
    if cost is None and seconds is None and find_seconds and (seconds := find_seconds(request)) is not None:
        cost = estimate_of(endpoint, request, extra_body, seconds=seconds)
    body = format_for_host(endpoint.slug, dialect.name, _merge_extra_body(resolved.body, extra_body))
    name = body.pop(EXTERNAL_TASK_ID, None)
    return PreparedRequest(
        endpoint=endpoint,
        request=request,
        body=body,
        fingerprint=hashlib.sha256(
            f"{endpoint.slug}\0{resolved.canonical_json(_without_delivery(body))}".encode()
        ).hexdigest(),
        user_external_task_id=None if is_nothing(name) else str(name),
        inputs=resolved.inputs,
        warnings=(
            *request.warnings(),
            *warnings,
            *resolved.warnings,
            *_duration_warnings(endpoint, dialect, resolved.inputs),
        ),
        estimate=cost,
    )


def estimate_of(
    endpoint: Endpoint,
    request: KlingRequest,
    extra_body: Mapping[str, Any] | None = None,
    *,
    seconds: Decimal | None = None,
) -> Decimal | None:
    """Estimate the cost of a request with further body keys.

    :param endpoint: the endpoint.
    :param request: the validated request.
    :param extra_body: further JSON keys of the body, which may decide the price.
    :param seconds: duration of the audio or video that decides the duration of the result, if known.
    :return: units; ``None`` if the cost is unknown, for instance because a further key is unreadable.
    """
    from ..api.pricing import estimate

    extra_body = read_extra_body(extra_body)
    if not extra_body or not isinstance(extra_body, Mapping):
        return estimate(endpoint, request, seconds=seconds)
    fields = endpoint.request.model_fields
    flat: dict[str, Any] = {}
    for name, value in extra_body.items():
        if name in fields:
            flat[name] = value
        elif name in _V2_SECTIONS and isinstance(value, Mapping):
            # Sections of an API 2.0 body, whose fields are at the top level of a request.
            flat |= {inner: item for inner, item in value.items() if inner in fields}
        elif name in _V2_SECTIONS:
            # Further contents may be a video whose duration decides the price.
            return None
    try:
        present = request.model_dump(mode="python", exclude_none=True, warnings=False)
        sent = endpoint.request.model_validate({**present, **flat})
        return estimate(endpoint, sent, seconds=seconds)
    except (ValueError, TypeError, ArithmeticError, LookupError):
        return None


def validate_request(endpoint: Endpoint, values: Mapping[str, Any]) -> KlingRequest:
    """Validate the fields of a request.

    :param endpoint: the endpoint.
    :param values: fields of the request; ``None`` counts as unset.
    :return: the request.
    :raises KlingRequestInvalid: values are invalid; the text names each field, value and constraint.
    """
    present = {
        name: value if value is TEMPLATED else paths_to_str(value)
        for name, value in values.items()
        if value is not None
    }
    _refuse_object_text(present)
    try:
        return endpoint.request.model_validate(present)
    except ValidationError as error:
        raise KlingRequestInvalid(
            format_validation_error(endpoint.slug, error, endpoint.request), job=JobState.NOT_CREATED
        ) from None


def _refuse_object_text(values: Mapping[str, Any]) -> None:
    """Fail for text that holds an object, as an f-string in a DAG file writes it."""
    for place, value in values_in(values):
        if is_object_repr(value):
            raise KlingRequestInvalid(
                f"Invalid value for {place!r}: the text of an object; write a template, such as "
                f"{{{{ params.town }}}}, in its place. It is {redact_text(value)[:_LONGEST_SHOWN]!r}.",
                job=JobState.NOT_CREATED,
            )


def is_nothing(value: Any) -> bool:
    """Return whether a value rendered to nothing.

    :param value: value of a template, an XCom reference or native rendering.
    :return: ``True`` for ``None``, blank text and the text ``None``.
    """
    return value is None or is_blank(value) or is_none_word(value)


def parse_units(name: str, value: Any) -> Decimal | None:
    """Parse a number of units.

    :param name: name of the parameter.
    :param value: a number of any type, or text.
    :return: the units; ``None`` if the value is unset.
    :raises KlingRequestInvalid: the value is not a finite number of 0 or more.
    """
    if value is None:
        return None
    try:
        units = None if isinstance(value, bool) else read_decimal(value)
        if units is not None and units.is_finite() and units >= 0:
            return min(units, MAX_LIMIT)
    except InvalidOperation:
        pass
    hint = "; without a limit, leave it out" if is_nothing(value) else ", 0 or more"
    raise KlingRequestInvalid(
        f"Invalid value for {name!r}: {value!r}; expected a number of units{hint}.",
        job=JobState.NOT_CREATED,
    )


def read_decimal(value: Any) -> Decimal:
    """Read a number as people write it.

    :param value: a number of any type, or text.
    :return: the number, exact.
    :raises decimal.InvalidOperation: it is none.
    """
    # Python makes no text of an integer with thousands of digits.
    return Decimal(value) if isinstance(value, int) else Decimal(str(value).strip())


def paths_to_str(value: Any) -> Any:
    """Convert a value to plain data at any depth.

    :param value: any value.
    :return: an ``ObjectStoragePath`` as its URI, other paths as text, and enumerations, decimals, numpy
        values and lazy sequences as built-in types.
    """
    if value is None or type(value) in (str, int, float, bool):
        return value
    if hasattr(value, "storage_options"):
        from ..utils.storage import path_to_uri

        # str() drops the connection id on Airflow 3.
        return path_to_uri(value)
    if isinstance(value, os.PathLike):
        return str(value)
    if isinstance(value, Mapping):
        return {to_builtin(key): paths_to_str(item) for key, item in value.items()}
    value = to_builtin(value)
    return [paths_to_str(item) for item in value] if isinstance(value, list) else value


def fingerprint_values(values: Any) -> str:
    """Hash values without reading files or the signatures of URLs.

    :param values: JSON value.
    :return: SHA-256, hexadecimal.
    """
    text = json.dumps(_strip_signatures(values), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def params_fingerprint(endpoint: Endpoint, values: Mapping[str, Any], extra_body: Any) -> str:
    """Hash the request of a task without reading its files.

    :param endpoint: the endpoint.
    :param values: fields of the request.
    :param extra_body: further JSON keys of the body.
    :return: SHA-256, hexadecimal; delivery data such as ``callback_url`` is ignored.
    """
    extra = _without_delivery(extra_body) if isinstance(extra_body, Mapping) else extra_body
    return fingerprint_values([endpoint.slug, paths_to_str(_without_delivery(values)), extra])


def _without_delivery(values: Mapping[str, Any]) -> dict[str, Any]:
    """Drop fields that decide the delivery of a result, not its content."""
    return {name: _drop_delivery(name, value) for name, value in values.items() if name not in _DELIVERY}


def _drop_delivery(name: str, value: Any) -> Any:
    # API 2.0 has delivery data among its options.
    return _without_delivery(value) if name in _V2_SECTIONS and isinstance(value, Mapping) else value


def _strip_signatures(value: Any) -> Any:
    if isinstance(value, str):
        return strip_url_signature(value) if is_url(value) else value
    if isinstance(value, Mapping):
        return {str(key): _strip_signatures(item) for key, item in value.items()}
    return [_strip_signatures(item) for item in value] if isinstance(value, list | tuple) else value


def read_extra_body(extra: Any) -> Any:
    """Return ``extra_body`` as plain data; a template may render it to JSON text.

    :param extra: a mapping, a mapping as JSON text, or nothing.
    :return: the mapping, empty if unset; any other value unchanged.
    """
    return {} if is_nothing(extra) else paths_to_str(parse_mapping(extra))


def check_extra_body(extra: Any) -> None:
    """Check what :func:`read_extra_body` has returned.

    :param extra: further JSON keys of a request.
    :raises KlingRequestInvalid: it is no mapping, cannot be sent as JSON, or holds an external task id.
    """
    if not isinstance(extra, Mapping):
        raise KlingRequestInvalid(
            f"extra_body is a {type(extra).__name__}; it must be a mapping of JSON keys to values.",
            job=JobState.NOT_CREATED,
        )
    _refuse_object_text({"extra_body": extra})
    # Sent in this way, it would replace the id by which a retry finds the job.
    if any(EXTERNAL_TASK_ID in part for part in _body_and_sections(extra)):
        raise KlingRequestInvalid(
            f"extra_body may not hold {EXTERNAL_TASK_ID}: set the parameter {EXTERNAL_TASK_ID} instead; in a "
            "batch, give it as a key of each row.",
            job=JobState.NOT_CREATED,
        )
    try:
        # Sorted, as for the fingerprint, for which all keys must be text.
        json.dumps({"": None, **extra}, allow_nan=False, sort_keys=True, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise KlingRequestInvalid(
            f"extra_body cannot be sent as JSON: {error}.", job=JobState.NOT_CREATED
        ) from None


def _body_and_sections(extra: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = (parse_mapping(extra.get(name)) for name in _V2_SECTIONS)
    return [extra, *(part for part in parts if isinstance(part, Mapping))]


def _merge_extra_body(body: Mapping[str, Any], extra: Any) -> dict[str, Any]:
    check_extra_body(extra)
    if duplicates := sorted(set(extra) & set(body)):
        raise KlingRequestInvalid(
            f"extra_body holds {', '.join(duplicates)}, which the task's own parameters already give.",
            job=JobState.NOT_CREATED,
        )
    return {**body, **extra}


def _host_warnings(endpoint: Endpoint, dialect: Dialect, request: KlingRequest) -> list[str]:
    from ..api.host_limits import check_host_limits

    violations = check_host_limits(endpoint.slug, dialect.name, request)
    if refused := [violation.text for violation in violations if violation.severity == "refuse"]:
        raise KlingRequestInvalid(
            f"{'; '.join(refused)} ({dialect.title}, {endpoint.slug}).", job=JobState.NOT_CREATED
        )
    warnings = [f"{dialect.title} documents a narrower limit: {violation.text}." for violation in violations]
    if endpoint.tasks_path and not dialect.supports_v2:
        warnings.append(f"{endpoint} belongs to an API that only Kling's own hosts are known to have.")
    return warnings


def _duration_warnings(endpoint: Endpoint, dialect: Dialect, media: tuple[InputMetadata, ...]) -> list[str]:
    from ..api.host_limits import check_media_limits

    return [
        f"{dialect.title} documents a narrower limit: {violation.text}."
        for item in media
        if item.seconds is not None
        for violation in check_media_limits(endpoint.slug, dialect.name, item.field, item.seconds)
    ]
