# SPDX-License-Identifier: Apache-2.0
"""What is ordered: a request as the user gave it, checked and made ready to send. Nothing is paid here."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from .api.explain import explain
from .api.fields import is_url
from .api.shorten import stable_url
from .exceptions import JobState, KlingRequestInvalid

if TYPE_CHECKING:
    from .api.dialect import Dialect
    from .api.endpoint import Endpoint
    from .api.request import KlingRequest
    from .media import MediaFact


@dataclass(frozen=True, slots=True)
class Order:
    """A request that can be submitted.

    :param endpoint: where it goes.
    :param request: the request with all values known.
    :param body: JSON body without the external id. Holds base64 and signed addresses: never to be logged.
    :param fingerprint: hash of the inputs; the same for the same request, however its media were given.
    :param given_name: external task id that the user chose.
    :param media: what is known of each input file.
    :param warnings: what is worth telling the user, a sentence each.
    :param estimate: what it will cost in units; ``None`` when that cannot be known.
    """

    endpoint: Endpoint
    request: KlingRequest = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    fingerprint: str
    given_name: str | None
    media: tuple[MediaFact, ...]
    warnings: tuple[str, ...]
    estimate: Decimal | None

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says of the inputs, without the content of any file."""
        from .media import loggable

        body: dict[str, Any] = loggable(self.body)
        return {
            "model_name": body.pop("model_name", None),
            "prompt": body.pop("prompt", None),
            "parameters": body,
            "fingerprint": self.fingerprint,
            "inputs": [fact.to_json() for fact in self.media],
            "estimate": None if self.estimate is None else str(self.estimate),
        }


def take_order(
    endpoint: Endpoint,
    values: Mapping[str, Any],
    dialect: Dialect,
    extra_body: Mapping[str, Any] | None = None,
) -> Order:
    """Check a request, read its media, and make the body to send.

    :param values: the request's fields; ``None`` counts as not given.
    :param dialect: what the host documents.
    :param extra_body: further JSON keys, sent as they are.
    :raises KlingRequestInvalid: names field, value and rule of each fault.
    :raises KlingServerError: a storage does not answer; trying again can help.
    """
    from .api.pricing import estimate
    from .api.written import as_written
    from .media import prepare_media

    request = validated(endpoint, values)
    advice = _host_advice(endpoint, dialect, request)
    prepared = prepare_media(request)
    lengths = [Decimal(str(fact.seconds)) for fact in prepared.media if fact.seconds is not None]
    body = as_written(endpoint.slug, dialect.name, _merged(prepared.body, extra_body or {}))
    name = body.pop("external_task_id", None)
    return Order(
        endpoint=endpoint,
        request=request,
        body=body,
        fingerprint=hashlib.sha256(f"{endpoint.slug}\0{prepared.canonical(body)}".encode()).hexdigest(),
        given_name=name,
        media=prepared.media,
        warnings=(
            *request.advice(),
            *advice,
            *prepared.warnings,
            *_length_advice(endpoint, dialect, prepared.media),
        ),
        estimate=estimate(endpoint, request, seconds=max(lengths) if lengths else None),
    )


def validated(endpoint: Endpoint, values: Mapping[str, Any]) -> KlingRequest:
    """Make the request of the given values; ``None`` counts as not given.

    :raises KlingRequestInvalid: names field, value and rule of each fault.
    """
    given = {name: as_plain(value) for name, value in values.items() if value is not None}
    try:
        return endpoint.request.model_validate(given)
    except ValidationError as error:
        raise KlingRequestInvalid(
            explain(endpoint.slug, error, endpoint.request), job=JobState.NOT_CREATED
        ) from None


def as_units(name: str, value: Any) -> Decimal | None:
    """Read a number of units; ``None`` where none is given.

    :param name: the parameter.
    :raises KlingRequestInvalid: it is no number, or less than 0.
    """
    if value in (None, ""):
        return None
    try:
        units = Decimal(str(value))
        if units >= 0:
            return units
    except InvalidOperation:
        pass
    raise KlingRequestInvalid(
        f"{name}={value!r} is refused: must be a number of units, 0 or more.", job=JobState.NOT_CREATED
    )


def check_price(order: Order, max_units: Any) -> None:
    """Refuse an order that may cost more than is allowed.

    :param max_units: most that it may cost; no limit when unset.
    :raises KlingRequestInvalid: it costs more, or nobody knows what it costs.
    """
    most = as_units("max_units", max_units)
    if most is None:
        return
    if order.estimate is None:
        raise KlingRequestInvalid(
            f"{order.endpoint}: max_units={most} is set, but what this job costs cannot be known before it"
            " is made.",
            job=JobState.NOT_CREATED,
        )
    if order.estimate > most:
        raise KlingRequestInvalid(
            f"{order.endpoint}: this job would cost about {order.estimate} units, more than max_units={most}"
            " allows.",
            job=JobState.NOT_CREATED,
        )


def as_plain(value: Any) -> Any:
    """Return paths as strings, at any depth: an ``ObjectStoragePath`` as the URI it stands for."""
    if hasattr(value, "storage_options"):
        from .storage import uri_of

        # str() of such a path loses its connection on Airflow 3.
        return uri_of(value)
    if isinstance(value, os.PathLike):
        return str(value)
    if isinstance(value, Mapping):
        return {key: as_plain(item) for key, item in value.items()}
    return [as_plain(item) for item in value] if isinstance(value, list | tuple) else value


def revealed(value: Any, shown: Any, hidden: Any) -> Any:
    """Return what a parameter stands for that was made fit to be shown, and may have been changed since.

    :param value: the parameter as it is now.
    :param shown: what it was made.
    :param hidden: what it had been before.
    """
    if value is shown or (type(value) is type(shown) and value == shown):
        return hidden
    if isinstance(value, Mapping) and isinstance(shown, Mapping) and isinstance(hidden, Mapping):
        return {
            name: revealed(item, shown[name], hidden[name]) if name in shown and name in hidden else item
            for name, item in value.items()
        }
    if isinstance(value, list) and isinstance(shown, list) and isinstance(hidden, list | tuple):
        known = min(len(value), len(shown), len(hidden))
        same = [revealed(value[place], shown[place], hidden[place]) for place in range(known)]
        return [*same, *value[known:]]
    return value


def content_key(values: Any) -> str:
    """Hash values as they were given, files unread: the same for an address signed anew."""
    text = json.dumps(_unsigned(values), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _unsigned(value: Any) -> Any:
    if isinstance(value, str):
        return stable_url(value) if is_url(value) else value
    if isinstance(value, Mapping):
        return {str(key): _unsigned(item) for key, item in value.items()}
    return [_unsigned(item) for item in value] if isinstance(value, list | tuple) else value


def _merged(body: Mapping[str, Any], extra: Any) -> dict[str, Any]:
    if not isinstance(extra, Mapping):
        raise KlingRequestInvalid(
            f"extra_body is a {type(extra).__name__}; it must be a mapping of JSON keys to values.",
            job=JobState.NOT_CREATED,
        )
    try:
        json.dumps(extra, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise KlingRequestInvalid(
            f"extra_body cannot be sent as JSON: {error}.", job=JobState.NOT_CREATED
        ) from None
    if twice := sorted(set(extra) & set(body)):
        raise KlingRequestInvalid(
            f"extra_body holds {', '.join(twice)}, which the task's own parameters already give.",
            job=JobState.NOT_CREATED,
        )
    return {**body, **extra}


def _host_advice(endpoint: Endpoint, dialect: Dialect, request: KlingRequest) -> list[str]:
    from .api.limits import notes

    found = notes(endpoint.slug, dialect.name, request)
    if refused := [note.text for note in found if note.severity == "refuse"]:
        raise KlingRequestInvalid(
            f"{endpoint.slug}: {dialect.title} refuses this: {'; '.join(refused)}.", job=JobState.NOT_CREATED
        )
    advice = [f"{dialect.title} documents a narrower limit: {note.text}." for note in found]
    if endpoint.tasks and not dialect.api2:
        advice.append(f"{endpoint} belongs to an API that only Kling's own hosts are known to have.")
    return advice


def _length_advice(endpoint: Endpoint, dialect: Dialect, media: tuple[MediaFact, ...]) -> list[str]:
    from .api.limits import media_notes

    return [
        f"{dialect.title} documents a narrower limit: {note.text}."
        for fact in media
        if fact.seconds is not None
        for note in media_notes(endpoint.slug, dialect.name, fact.field, fact.seconds)
    ]
