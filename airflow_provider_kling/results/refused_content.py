# SPDX-License-Identifier: Apache-2.0
"""Refused content as a result: the request, the reason and the charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..exceptions import KlingContentRefused

REFUSED_STATUS = "refused"


def refusal_record(
    *,
    reason: str | None,
    request: Mapping[str, Any],
    endpoint: str,
    task_id: str | None,
    external_task_id: str | None,
    units: str | None = None,
    charges: Sequence[Mapping[str, Any]] | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the result of a task, or the line of ``refused.jsonl``, for refused content.

    :param reason: why, in the words of the error.
    :param request: the request without base64 and signatures.
    :param endpoint: slug of the endpoint.
    :param task_id: Kling's id of the job; ``None`` where none was made.
    :param external_task_id: external id of the job.
    :param units: charge in units as text.
    :param charges: the charges, as in results.
    :param labels: labels of the job.
    :return: ``status`` ("refused"), ``reason``, ``prompt``, ``endpoint``, ``task_id``, ``external_task_id``,
        ``units``, ``charges``, ``request`` and ``labels``.
    """
    return {
        "status": REFUSED_STATUS,
        "reason": reason,
        "prompt": prompt_in(request),
        "endpoint": endpoint,
        "task_id": task_id,
        "external_task_id": external_task_id,
        "units": units,
        "charges": [dict(row) for row in charges or ()],
        "request": dict(request),
        **({"labels": dict(labels)} if labels else {}),
    }


def refusal_result(
    error: KlingContentRefused,
    endpoint: str,
    metadata: Mapping[str, Any],
    *,
    task: KlingTask | None = None,
    external_task_id: str | None = None,
) -> dict[str, Any]:
    """Return the result of an operator for refused content.

    :param error: the refusal, at submission or of the job.
    :param endpoint: slug of the endpoint.
    :param metadata: what is known of the request, as the XCom ``request`` has it.
    :param task: the job, where one was made and could be read.
    :param external_task_id: external id of the job.
    :return: as :func:`refusal_record`.
    """
    reused = metadata.get("reused_from")
    paid = task if task and not reused else None
    task_id = (task.task_id if task else None) or error.task_id
    nothing = "0" if reused or not task_id else None
    return {
        **refusal_record(
            reason=error.message,
            request=request_in(metadata),
            endpoint=endpoint,
            task_id=task_id,
            external_task_id=(task.external_task_id if task else None) or external_task_id,
            units=paid.units if paid else nothing,
            charges=paid.charges if paid else None,
            labels=metadata.get("labels"),
        ),
        **({"reused_from": dict(reused)} if reused else {}),
    }


def request_in(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request, rebuilt from the facts in a manifest.

    :param metadata: model, prompt, parameters and inputs.
    :return: its fields; input files as they were given, without base64 and signatures.
    """
    parameters = metadata.get("parameters")
    described = {name: metadata.get(name) for name in ("model_name", "prompt")}
    request = {
        **{name: value for name, value in described.items() if value is not None},
        **(parameters if isinstance(parameters, Mapping) else {}),
    }
    for known in metadata.get("inputs") or ():
        if isinstance(known, Mapping) and known.get("field") in request:
            request[known["field"]] = known.get("value")
    return request


def prompt_in(request: Any) -> str | None:
    """Return the prompt of a request, also of one that has it among its contents or shots.

    :param request: JSON value.
    :return: the first prompt; ``None`` where there is none.
    """
    if isinstance(request, Mapping):
        own = request.get("prompt")
        if isinstance(own, str) and own:
            return own
        return next((text for value in request.values() if (text := prompt_in(value))), None)
    if isinstance(request, list | tuple):
        return next((text for value in request if (text := prompt_in(value))), None)
    return None
