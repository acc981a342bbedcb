# SPDX-License-Identifier: Apache-2.0
"""Report the request of a task and its estimate. Nothing is sent to Kling, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..api.pricing import PRICES_OF, unit_type, units_to_usd
from ..api.templating import is_templated
from ..exceptions import JobState, KlingError, KlingRequestInvalid
from ..inputs.prepared_request import PreparedRequest, paths_to_str, prepare_request
from ..results.job_origin import INPUTS, account_bound_fields
from ..submission.idempotency import task_instance_key
from ._job_request import JobRequest
from ._parameters import read_take
from ._reuse import shared_scope

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.hosts import Dialect
    from ..batch.input import RequestRow
    from ..submission.context import IdempotencyKey
    from ..version_compat import Context
    from .base import KlingTaskOperator
    from .batch import KlingBatchOperator

MAX_EXAMPLES = 3
"""Rows of a batch whose bodies are reported."""

MAX_LISTED_FAULTS = 20
_CENTS = Decimal("0.01")


def request_report(request: PreparedRequest, dialect: Dialect, key: IdempotencyKey | None) -> dict[str, Any]:
    """Report a request.

    :param request: the request.
    :param dialect: what the host documents.
    :param key: key of the job, where the task instance is known.
    :return: plain JSON without base64, signatures and secrets.
    """
    from ..utils.redaction import redact

    user_id = request.user_external_task_id
    job_key = replace(key, fingerprint=request.fingerprint, user_external_task_id=user_id) if key else None
    return {
        "body": redact(request.body),
        "external_task_id": job_key.external_task_id(0) if job_key else user_id,
        **price_report(request.endpoint, request.estimate, dialect),
        "reads": [fact.to_json() for fact in request.inputs],
        "warnings": list(request.warnings),
    }


def price_report(endpoint: Endpoint, estimate: Decimal | None, dialect: Dialect) -> dict[str, Any]:
    """Report an estimate, as text.

    :param endpoint: where the request goes.
    :param estimate: units; ``None`` where it is unknown.
    :param dialect: what the host documents; a gateway has prices of its own.
    :return: ``estimate``, ``unit``, ``estimate_usd`` and the month of the price list.
    """
    unit = unit_type(endpoint)
    usd = None
    if dialect.name == "kling" and estimate is not None:
        usd = _cents(units_to_usd(endpoint, estimate))
    return {
        "estimate": None if estimate is None else str(estimate),
        "unit": unit,
        "estimate_usd": usd,
        "prices_of": PRICES_OF,
    }


def _cents(amount: Decimal) -> str:
    # Rounding to cents would make small amounts 0.
    return f"{amount.normalize():f}" if 0 < amount < _CENTS else str(amount.quantize(_CENTS))


def job_report(
    operator: KlingTaskOperator,
    key: IdempotencyKey | None,
    build: Callable[[Dialect], PreparedRequest],
) -> tuple[dict[str, Any], PreparedRequest | None]:
    """Report what a job operator would do.

    :param operator: the operator.
    :param key: key of the job, where the task instance is known.
    :param build: makes the request for a host's dialect.
    :return: plain JSON, and the request if the templates are rendered.
    :raises KlingRequestInvalid: the task would fail before anything is sent.
    """
    from ..utils.redaction import redact

    values = {name: value for name, value in operator.request_values().items() if value is not None}
    other_values = {name: operator.original(name) for name in ("expected_seconds", "extra_body")}
    unrendered = sorted(name for name, value in (values | other_values).items() if is_templated(value))
    base = {"endpoint": operator.endpoint.slug, "sent": False}
    if unrendered:
        warning = f"Not rendered, so not priced: {', '.join(unrendered)}"
        return {
            **base,
            "body": _redact_values(values),
            "estimate": None,
            "reads": [],
            "warnings": [warning],
        }, None
    dialect, warnings = _dialect_or_default(operator)
    JobRequest(operator).check_rendered()
    request = build(dialect)
    report = request_report(request, dialect, key)
    report["warnings"] += warnings
    limits = {name: getattr(operator, name) for name in ("max_units", "max_usd", "output_path")}
    set_limits = {name: redact(str(value)) for name, value in limits.items() if value not in (None, "")}
    return {**base, **report, **set_limits}, request


def batch_report(operator: KlingBatchOperator, context: Context | None) -> dict[str, Any]:
    """Report what a batch would do, with the estimate of all its rows.

    The ledger is not read: rows that earlier tries have submitted are counted again.

    :param operator: the operator, rendered.
    :param context: Airflow's context, which names the task instance.
    :return: plain JSON.
    :raises KlingRequestInvalid: the batch would be refused before anything is sent.
    """
    from ..batch.input import row_reader
    from ..batch.preflight import preflight
    from ._batch_task import BatchParameters, accounts_report, empty_warning, further_keys

    parameters = BatchParameters(operator)
    endpoint, labels = parameters.endpoint(), parameters.labels()
    parameters.limit(endpoint)
    extra_body = further_keys(operator)
    rows = all_rows = row_reader(operator.original("requests"), extra_body, labels)
    key = key_of(operator, context)
    if key and not parameters.regenerate():
        key = replace(key, clear_count=0)
    if shard := parameters.shard():
        rows, key = shard.reader(rows), key and replace(key, map_index=-1)
    expected_seconds = parameters.expected_seconds()
    dialect, warnings = _dialect_or_default(operator)
    accounts, account_warnings = accounts_report(operator, dialect)
    bound: list[int] = []
    checked = preflight(
        endpoint,
        _collect_account_bound(rows(), extra_body, bound),
        {},
        extra_body,
        allow_external_ids=operator.idempotency_scope != INPUTS,
        expected_seconds=expected_seconds,
    )
    if not checked.numbers and (warning := empty_warning(operator, all_rows)):
        warnings.append(warning)
    valid_rows = (row for row in rows() if row.key not in checked.invalid_rows)
    report = {
        "endpoint": endpoint.slug,
        "sent": False,
        "rows": len(checked.numbers),
        **price_report(endpoint, checked.estimate, dialect),
        "rows_without_estimate": checked.unpriced,
        "rows_with_faults": len(checked.invalid_rows),
        **accounts,
        **({"rows_account_bound": len(bound)} if "spread" in accounts else {}),
        "faults": list(checked.invalid_rows.values())[:MAX_LISTED_FAULTS],
        "examples": list(
            _examples(
                operator,
                endpoint,
                islice(valid_rows, MAX_EXAMPLES),
                dialect,
                key,
                extra_body=extra_body,
                expected_seconds=expected_seconds,
            )
        ),
        "warnings": warnings + account_warnings,
        "max_units": None if operator.max_units in (None, "") else str(operator.max_units),
        "max_usd": None if operator.max_usd in (None, "") else str(operator.max_usd),
    }
    operator.log.info("Dry run, nothing is sent: %s", report)
    if checked.invalid_rows and operator.on_failure == "fail":
        raise KlingRequestInvalid(
            f"{len(checked.invalid_rows)} of {len(checked.numbers)} rows cannot be sent: "
            f"{next(iter(checked.invalid_rows.values()))}",
            job=JobState.NOT_CREATED,
        )
    return report


def _collect_account_bound(
    rows: Iterable[RequestRow], extra_body: Any, numbers: list[int]
) -> Iterator[RequestRow]:
    """Yield the rows, and add the numbers of those that only the first account can run to ``numbers``."""
    for row in rows:
        if account_bound_fields({**row.values, **(extra_body or {})}):
            numbers.append(row.number)
        yield row


def _examples(
    operator: KlingBatchOperator,
    endpoint: Endpoint,
    rows: Iterable[Any],
    dialect: Dialect,
    key: IdempotencyKey | None,
    *,
    extra_body: Any,
    expected_seconds: Decimal | None,
) -> Iterable[dict[str, Any]]:
    from ..batch.config import BatchConfig
    from ..batch.ledger_entry import LedgerEntry, RowState

    settings = operator.usable_settings() if operator.idempotency_scope == INPUTS else None
    scope = shared_scope(settings, endpoint) if settings else None
    take = read_take(operator.task_id, operator.take)
    for row in rows:
        try:
            request = prepare_request(
                endpoint,
                row.values,
                dialect,
                extra_body,
                expected_seconds=row.expected_seconds or expected_seconds,
            )
        except KlingError as error:
            # For example a missing file: this row would fail, and the others would not.
            yield {"row": row.number, "fault": str(error), "labels": dict(row.labels)}
            continue
        report = request_report(request, dialect, None)
        if key:
            config = BatchConfig(endpoint, key, key.clear_count, 1, 1.0, scope=scope, take=take)
            entry = LedgerEntry(row.key, RowState.PENDING, row.number)
            job_key = config.job_key(row, entry, request.fingerprint)
            report["external_task_id"] = job_key.external_task_id(0)
        yield {"row": row.number, **report, "labels": dict(row.labels)}


def key_of(operator: Any, context: Context | None) -> IdempotencyKey | None:
    """Return the idempotency key of a task instance.

    :param operator: the operator.
    :param context: Airflow's context, if there is one.
    :return: the key without the inputs; ``None`` where no task instance is known.
    """
    if context and context.get("ti"):
        return task_instance_key(context, operator.retries or 0)
    rendered_key: IdempotencyKey | None = operator.rendered_as
    return rendered_key


def _dialect_or_default(operator: Any) -> tuple[Dialect, list[str]]:
    """Return what the connection's host documents, or Kling if there is no usable connection."""
    from ..api.hosts import DIALECTS
    from ..utils.redaction import redact_text

    try:
        return operator.hook.settings.dialect, []
    except Exception as error:
        reason = redact_text(str(error))[:200]
        warning = (
            f"Connection {str(operator.kling_conn_id)!r} cannot be used, so Kling's prices are used: {reason}"
        )
        return DIALECTS["kling"], [warning]


def _redact_values(values: Mapping[str, Any]) -> dict[str, Any]:
    from ..utils.redaction import redact

    return {name: redact(paths_to_str(value)) for name, value in values.items()}
