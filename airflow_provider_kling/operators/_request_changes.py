# SPDX-License-Identifier: Apache-2.0
"""Detect that a retry asks for another job than the try before it, and report what differs."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingRequestInvalid
from ..results.job_origin import TAKE_FACT
from ..utils.redaction import redact

if TYPE_CHECKING:
    from ..submission.context import IdempotencyKey, SubmittedTask
    from ..submission.idempotency import RequestRecord
    from ..version_compat import Context

_log = logging.getLogger(__name__)

_MAX_VALUE_LENGTH = 200
_CLOCK_SECONDS = 60.0
"""Most seconds by which the clocks of Kling and of this machine differ."""

_CHANGING_TEMPLATE = re.compile(
    r"\{[{%][^}]*\b(now|utcnow|today|random\w*|rand\w*|uuid\w*|try_number|perf_counter|macros\.time"
    # Each try has its own instance.
    r"|(ti|task_instance)\.(id|start_date|queued_dttm|pid|hostname|log_url))\b"
)
_DELIVERY_FIELDS = ("callback_url", "external_task_id")
_KEY_FIELDS = ("take", "kling_conn_id", "endpoint")
_LOOKUP_FIELDS = ("external_task_id", "kling_conn_id", "endpoint")
_USE_STABLE_VALUES = "Use values that stay the same in every try, such as {{ ts }}"


def changing_templates(value: Any) -> bool:
    """Return whether a value holds a template whose result changes with each try of a task.

    :param value: a parameter as the DAG has it.
    :return: whether it uses the time, a random value or the try number.
    """
    if isinstance(value, str):
        return _CHANGING_TEMPLATE.search(value) is not None
    if isinstance(value, Mapping):
        return any(changing_templates(item) for name, item in value.items() if name not in _DELIVERY_FIELDS)
    return isinstance(value, list | tuple) and any(map(changing_templates, value))


def changing_fields(parameters: Mapping[str, Any], redacted: Sequence[str]) -> tuple[str, ...]:
    """Return the parameters that differ in each try of a task, so that each try creates another job.

    :param parameters: template fields as the DAG has them.
    :param redacted: names of those that are sent to Kling.
    :return: their names.
    """
    if parameters.get("external_task_id"):
        # The user's own external task id names the same job of an account whatever its request is.
        return tuple(name for name in _LOOKUP_FIELDS if changing_templates(parameters.get(name)))
    return tuple(
        name
        for name in (*redacted, *_KEY_FIELDS)
        if name not in _DELIVERY_FIELDS and changing_templates(parameters.get(name))
    )


def changing_first(names: Sequence[str]) -> str:
    """Return the warning of a first try whose retry will ask for another job.

    :param names: parameters whose templates differ in each try.
    :return: the warning.
    """
    statement = f"{' and '.join(names)} differs in each try"
    return f"{statement}, so a retry asks for another job and pays for it. {_USE_STABLE_VALUES}"


def changing_retry(names: Sequence[str]) -> str:
    """Return the warning of a retry whose request cannot be that of the try before it.

    :param names: parameters whose templates differ in each try.
    :return: the warning.
    """
    return (
        f"{' and '.join(names)} differs in each try, so this one asks for another job than the earlier try "
        "did, and pays for it if that one was made; KlingFetchResultOperator stores the earlier one's "
        f"result. {_USE_STABLE_VALUES}"
    )


def changing_rows(names: Sequence[str]) -> str:
    """Return the warning of a batch whose rows are others in each try.

    :param names: parameters of the batch whose templates differ in each try.
    :return: the warning.
    """
    return (
        f"{' and '.join(names)} differs in each try, so a retry makes those rows again and pays for them, "
        f"and the batch holds its worker while it waits, even with deferrable=True. {_USE_STABLE_VALUES}"
    )


def difference(current: Mapping[str, Any], earlier: Mapping[str, Any]) -> str:
    """Describe what differs between two requests.

    :param current: metadata of the current request.
    :param earlier: metadata of the earlier one.
    :return: each field with both values, without base64 and signatures; empty if no difference is known.
    """
    new, old = _flatten(current), _flatten(earlier)
    names = [name for name in dict.fromkeys((*new, *old)) if new.get(name) != old.get(name)]
    return "; ".join(
        f"{name}: {_format_value(old.get(name))} before, {_format_value(new.get(name))} now" for name in names
    )


def warn_of_other_request(
    record: RequestRecord | None,
    key: IdempotencyKey,
    metadata: Mapping[str, Any],
    changing: Sequence[str] = (),
) -> None:
    """Warn if a retry asks for another job than the try before it.

    :param record: request of the earlier try, where Airflow stores it.
    :param key: key of this try's job.
    :param metadata: metadata of this try's request.
    :param changing: parameters whose templates differ in each try.
    """
    if record is None or "kling_conn_id" in changing:
        if changing:
            _log.warning("%s", changing_retry(changing))
        return
    earlier_key = record.key
    if "take" in changing:
        # Else it may be a later take, which replaces files that fail the media check.
        earlier_key = replace(earlier_key, take=str(record.metadata.get(TAKE_FACT) or ""))
    if (earlier_key.fingerprint, earlier_key.take) == (key.fingerprint, key.take):
        return
    differences = difference(metadata, record.metadata) or "the content of an input, or a key of extra_body"
    if earlier_key.user_external_task_id and earlier_key.user_external_task_id == key.user_external_task_id:
        _log.warning(
            "This try asks for something else under the same external_task_id, and attaches to the earlier "
            "job %s if it exists. What differs: %s",
            key.user_external_task_id,
            differences,
        )
        return
    _log.warning(
        "This try asks for another job than the earlier try did, and pays for it if that one was made. The "
        "earlier job: external_task_id %s; KlingFetchResultOperator stores its result. What differs: %s. %s",
        earlier_key.external_task_id(0),
        differences,
        _USE_STABLE_VALUES,
    )


def check_same_request(
    context: Context,
    submission: SubmittedTask,
    key: IdempotencyKey,
    metadata: Mapping[str, Any],
    earlier: Mapping[str, Any] | None,
) -> None:
    """Warn if a first try attaches to a job because its external task id is in use, or fail.

    :param context: Airflow's context of the running task.
    :param submission: the job that the task attaches to.
    :param key: its key.
    :param metadata: metadata of this task's request.
    :param earlier: metadata of the job's own request, where it is known.
    :raises KlingRequestInvalid: another mapped task of this run has created the job, for another request.
    """
    if not key.user_external_task_id:
        return
    name, task_id = submission.external_task_id, submission.task.task_id
    if earlier and earlier.get("fingerprint") == key.fingerprint:
        return
    if key.map_index >= 0 and _is_of_this_run(context, submission.task.created_at):
        raise KlingRequestInvalid(
            f"external_task_id {name!r} is taken by another mapped task; name each, such as "
            f"'{name}-{{{{ ti.map_index }}}}'. Job {task_id} is not of this task's request.",
            job=JobState.NOT_CREATED,
        )
    differences = difference(metadata, earlier) if earlier else ""
    if earlier and not differences:
        differences = "the content of an input"
    _log.warning(
        "external_task_id %s is taken, so this task attaches to job %s, whatever that was made of. %s",
        name,
        task_id,
        f"What differs: {differences}"
        if differences
        else f"Its request is not known here; this one is {_format_request(metadata)}",
    )


def stored_request(output_path: Any, task_id: str) -> dict[str, Any] | None:
    """Read the request of a job from the manifest that is stored with its files.

    :param output_path: where the task stores its files; empty if it does not.
    :param task_id: Kling's id of the job.
    :return: the metadata of its request; ``None`` where there is no manifest.
    """
    if not output_path:
        return None
    from ..results.manifest import read_task_manifest

    try:
        manifest = read_task_manifest(output_path, task_id)
    except Exception as error:
        _log.debug("The manifest of job %s cannot be read: %s", task_id, type(error).__name__)
        return None
    request = (manifest or {}).get("request")
    return dict(request) if isinstance(request, Mapping) and request else None


def _is_of_this_run(context: Context, created_at: int | None) -> bool:
    start = getattr(context.get("dag_run"), "start_date", None)
    if start is None or created_at is None:
        # It cannot be shown to be of an earlier run, and its result may be that of another request.
        return True
    return bool(created_at / 1000 >= start.timestamp() - _CLOCK_SECONDS)


def _flatten(metadata: Mapping[str, Any]) -> dict[str, Any]:
    parameters = metadata.get("parameters")
    inputs = metadata.get("inputs") or ()
    input_values = {
        str(input_metadata.get("field")): input_metadata.get("sha256") or input_metadata.get("value")
        for input_metadata in inputs
        if isinstance(input_metadata, Mapping)
    }
    main_values = {
        name: metadata[name] for name in ("model_name", "prompt", TAKE_FACT) if metadata.get(name) is not None
    }
    other_values = dict(parameters) if isinstance(parameters, Mapping) else {}
    return {**main_values, **other_values, **input_values}


def _format_value(value: Any) -> str:
    text = repr(redact(value)) if isinstance(value, str) else json.dumps(redact(value), default=str)
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[:_MAX_VALUE_LENGTH]}…"


def _format_request(metadata: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_format_value(value)}" for name, value in _flatten(metadata).items())
