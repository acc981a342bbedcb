# SPDX-License-Identifier: Apache-2.0
"""Read parameters of operators, which YAML, Variables and templates deliver as text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from os import PathLike
from typing import Any, NoReturn

from ..api.durations import MAX_SECONDS
from ..api.endpoint import Endpoint, get_endpoint
from ..api.requests.coercion import (
    is_missing,
    is_none_word,
    is_object_repr,
    parse_list,
    parse_mapping,
    to_builtin,
)
from ..api.requests.rules import did_you_mean
from ..exceptions import JobState, KlingRequestInvalid
from ..inputs.prepared_request import is_nothing
from ..labels import LabelsInvalid, read_labels
from ..utils.redaction import redact_text
from ..version_compat import airflow_version

_FLAGS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}

_FLOAT = re.compile(r"[0-9]+(\.[0-9]+)?[eE]\+?[0-9]+|[0-9]{10,}\.[0-9]*")
"""Text of a number that has lost digits of an id."""

_WHOLE = re.compile(r"^([0-9]+)\.0+$")
_MAX_VALUE_LENGTH = 200
_MAX_TAKE_LENGTH = 100

FOLDER = "a folder; check the task and the key that it names"
"""What is expected of a path that a template rendered."""

_SECONDS = "seconds, above 0 and at most a year"


def invalid_parameter(task_id: str, name: str, value: Any, expected: str) -> NoReturn:
    """Fail because of the value of a parameter.

    :param task_id: the task that has it.
    :param name: the parameter.
    :param value: its value.
    :param expected: which values are valid.
    :raises KlingRequestInvalid: always.
    """
    shown = redact_text(value)[:_MAX_VALUE_LENGTH] if isinstance(value, str) else value
    stop = "" if expected.endswith("?") else "."
    raise KlingRequestInvalid(
        f"Invalid value for {name!r}: {shown!r}; expected {expected}{stop} Task {task_id!r}.",
        job=JobState.NOT_CREATED,
    )


def read_flag(task_id: str, name: str, value: Any) -> bool:
    """Read an on/off parameter; ``"false"`` is false.

    :param task_id: the task that has it.
    :param name: the parameter.
    :param value: a bool, 0 or 1, or one of them as text.
    :return: the flag.
    :raises KlingRequestInvalid: it is neither on nor off.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        flag = _FLAGS.get(value.strip().lower())
    else:
        # Also bools and numbers of numpy, which are not subclasses of Python's.
        flag = _FLAGS.get(str(value).lower()) if value is not None else None
    return invalid_parameter(task_id, name, value, "True or False") if flag is None else flag


def read_choice(task_id: str, name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Read a parameter that is one of a few words.

    :param task_id: the task that has it.
    :param name: the parameter.
    :param value: one of the words.
    :param choices: the words.
    :return: the word.
    :raises KlingRequestInvalid: it is none of them.
    """
    if type(value) is str and value in choices:
        return value
    value = to_builtin(value)
    word = value.strip().lower() if isinstance(value, str) else None
    if word is None or word not in choices:
        suggestion = did_you_mean(value, choices)
        invalid_parameter(task_id, name, value, " or ".join(map(repr, choices)) + suggestion)
    return word


def read_take(task_id: str, value: Any) -> str:
    """Read ``take``, which distinguishes several jobs of the same request.

    :param task_id: the task that has it.
    :param value: text or a number; nothing for the first one.
    :return: the take; empty for the first one.
    :raises KlingRequestInvalid: it is neither text nor a number.
    """
    value = to_builtin(value)
    if value is None or is_missing(value):
        return ""
    finite = not isinstance(value, float) or math.isfinite(value)
    if not isinstance(value, str | int | float) or isinstance(value, bool) or not finite:
        invalid_parameter(task_id, "take", value, "text or a number, such as '2'")
    # A table makes 2.0 of 2, and a template the text of it: that is the same take.
    text = _WHOLE.sub(r"\1", str(value).strip())
    if is_object_repr(text):
        # It differs in each try, and each take is a job of its own.
        invalid_parameter(task_id, "take", value, "text or a number, such as '2'")
    if len(text) > _MAX_TAKE_LENGTH or not text.isprintable():
        invalid_parameter(task_id, "take", value, f"at most {_MAX_TAKE_LENGTH} printable characters")
    return text


def read_conn_ids(task_id: str, value: Any, first: Any) -> tuple[str, ...]:
    """Read ``fallback_conn_ids``.

    :param task_id: the task that has it.
    :param value: a list of connection ids, the same as JSON text or separated by commas, or nothing.
    :param first: the task's ``kling_conn_id``.
    :return: the ids, without those that rendered to nothing.
    :raises KlingRequestInvalid: it is none of these, or names a connection twice.
    """
    value = to_builtin(value)
    ids = _parse_ids(value) if isinstance(value, str) else value
    expected = f"a list of connection ids, each once and none of them {first!r}"
    if is_nothing(ids):
        return ()
    if not isinstance(ids, list | tuple) or not all(isinstance(each, str | None) for each in ids):
        invalid_parameter(task_id, "fallback_conn_ids", value, expected)
    found = tuple(each.strip() for each in ids if each is not None and not is_missing(each))
    if len({*found, str(first)}) <= len(found):
        invalid_parameter(task_id, "fallback_conn_ids", value, expected)
    return found


def _parse_ids(text: str) -> Any:
    """Parse text: JSON, the Python list that a template without native rendering renders, or names."""
    if is_missing(text):
        return None
    return parse_list(text) if text.strip()[:1] in ("[", "(", "{") else text.split(",")


def read_number(
    task_id: str,
    name: str,
    value: Any,
    rule: str,
    *,
    above: float = -math.inf,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    whole: bool = False,
) -> float:
    """Read a finite number.

    :param task_id: the task that has it.
    :param name: the parameter.
    :param value: a number of any type, or text.
    :param rule: which values are valid, for the error.
    :param above: the number must be greater than this.
    :param minimum: the number must not be less than this.
    :param maximum: the number must not be greater than this.
    :param whole: the number must have no fraction.
    :return: the number; an ``int`` if ``whole``.
    :raises KlingRequestInvalid: it is no such number.
    """
    number = _number(value)
    in_range = number is not None and above < number < math.inf and minimum <= number <= maximum
    if number is None or not in_range or (whole and number % 1):
        invalid_parameter(task_id, name, value, rule)
    return int(number) if whole else number


def read_seconds(task_id: str, name: str, value: Any) -> float:
    """Read a length of time in seconds, above 0 and at most a year.

    :param task_id: the task that has it.
    :param name: the parameter.
    :param value: a number of any type, a ``timedelta``, or text.
    :return: the seconds.
    :raises KlingRequestInvalid: it is no length of time.
    """
    return read_number(task_id, name, to_seconds(value), _SECONDS, above=0, maximum=MAX_SECONDS)


def to_seconds(value: Any) -> Any:
    """Return a length of time in seconds.

    :param value: a ``timedelta``, or what stands for seconds.
    :return: the seconds of a ``timedelta``; anything else as it is.
    """
    return value.total_seconds() if isinstance(value, timedelta) else value


def read_conn_id(task_id: str, name: str, value: Any) -> str:
    """Read the id of a connection.

    :param task_id: the task that has it.
    :param name: the parameter.
    :param value: the id.
    :return: the id without blanks around it.
    :raises KlingRequestInvalid: it is empty, or no text.
    """
    value = to_builtin(value)
    if not isinstance(value, str) or is_missing(value):
        invalid_parameter(task_id, name, value, "the id of a connection; leave it out for 'kling_default'")
    return value.strip()


def check_media_packages(task_id: str, what: str) -> None:
    """Check that the packages of the extra ``media`` are installed.

    :param task_id: the task.
    :param what: the parameter that needs them.
    :raises KlingRequestInvalid: one is missing; the text names the extra to install.
    """
    # Most tasks need none of it.
    from ..media import MediaExtraMissing, check_media_extra

    try:
        check_media_extra()
    except MediaExtraMissing as error:
        raise KlingRequestInvalid(
            f"Package for {what} missing: {error}. Task {task_id!r}.", job=JobState.NOT_CREATED
        ) from None


def check_budget(task_id: str, value: Any) -> None:
    """Check ``budget``: anything else than a budget would be no limit.

    :param task_id: the task that has it.
    :param value: a :class:`~airflow_provider_kling.budget.KlingBudget`, or ``None``.
    :raises KlingRequestInvalid: it is neither.
    """
    if value is not None and not callable(getattr(value, "reserve", None)):
        invalid_parameter(task_id, "budget", value, "a KlingBudget; without a shared limit, leave it out")


def read_endpoint(task_id: str, name: str, value: Any) -> Endpoint:
    """Return the endpoint that a parameter names.

    :param task_id: the task that has it.
    :param name: the parameter.
    :param value: a slug or an endpoint.
    :return: the endpoint.
    :raises KlingRequestInvalid: there is no such endpoint.
    """
    try:
        return get_endpoint(value.strip() if isinstance(value, str) else value)
    except (ValueError, TypeError):
        from ..api.registry import ENDPOINTS

        suggestion = did_you_mean(value, tuple(ENDPOINTS))
        invalid_parameter(task_id, name, value, f"a slug: {', '.join(ENDPOINTS)}{suggestion}")


def read_path(task_id: str, name: str, value: Any) -> Any:
    """Return a path that must name a folder, after rendering.

    :param task_id: the task that has it.
    :param name: the parameter.
    :param value: an absolute path or URI, or an ``ObjectStoragePath``.
    :return: the path.
    :raises KlingRequestInvalid: it is empty, no path, or a relative path of the worker's file system.
    """
    from ..utils.storage import is_relative

    if value is None or is_nothing(value):
        invalid_parameter(task_id, name, value, FOLDER)
    if not hasattr(value, "storage_options") and not isinstance(value, str | PathLike):
        invalid_parameter(task_id, name, type(value).__name__, FOLDER)
    if is_object_repr(str(value)) or any(is_none_word(part) for part in str(value).strip().split("/")):
        invalid_parameter(task_id, name, value, FOLDER)
    if is_relative(value):
        invalid_parameter(
            task_id, name, value, "an absolute path or a URI, for a relative path depends on the worker"
        )
    return value


def read_job_labels(task_id: str, name: str, value: Any) -> dict[str, str]:
    """Read the labels of a job.

    :param task_id: the task that has them.
    :param name: the parameter.
    :param value: a dict of text, the same as JSON text, or nothing.
    :return: the labels.
    :raises KlingRequestInvalid: it is none of these.
    """
    try:
        return read_labels(value)
    except LabelsInvalid as error:
        invalid_parameter(task_id, name, value, str(error))


def parse_id_source(value: Any) -> Any:
    """Return a mapping or list that Jinja may have rendered as text.

    :param value: an id, the result of an operator, or one of them as text.
    :return: the mapping or list of the text; any other value unchanged.
    """
    text = value.strip() if isinstance(value, str) else ""
    if text.startswith("{"):
        return parse_mapping(text)
    return parse_list(text) if text.startswith(("[", "(")) else value


def read_task_id(task_id: str, name: str, value: Any) -> str:
    """Return the id of one job, as text, from what templates and XComs deliver.

    :param task_id: the task that has it.
    :param name: the parameter.
    :param value: an id, or the result of an operator.
    :return: the id.
    :raises KlingRequestInvalid: it is not the id of one job.
    """
    found = parse_id_source(value)
    job_id = found.get("task_id") if isinstance(found, Mapping) else found
    if not isinstance(job_id, float):
        job_id = to_builtin(job_id)
    if isinstance(job_id, int) and not isinstance(job_id, bool):
        # Native templates render an id as a number.
        job_id = str(job_id)
    text = job_id.strip() if isinstance(job_id, str) and not is_missing(job_id) else ""
    # No query holds a line's end or half a character.
    if text.isprintable() and not is_object_repr(text) and text and not _FLOAT.fullmatch(text):
        return text
    is_several = isinstance(job_id, Iterable) and not isinstance(job_id, str)
    remedy = (
        f"map the task: .partial(...).expand({name}=...)"
        if is_several
        else "pass the id as text, or .expand() over several"
    )
    shown = type(found).__name__ if is_several else repr(job_id)
    raise KlingRequestInvalid(
        f"Invalid value for {name!r}: {redact_text(shown)}; {remedy}. "
        f"Task {task_id!r}: it must be the id of a job."
    )


def _number(value: Any) -> float | None:
    value = to_builtin(value)
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def check_end_from_trigger(task_id: str, output_path: Any, *, deferrable: bool = True) -> None:
    """Check that a triggerer can end a task.

    :param task_id: the task, whose ``end_from_trigger`` is on.
    :param output_path: its output path, which needs a worker.
    :param deferrable: whether the task is deferrable.
    :raises KlingRequestInvalid: only a worker can end it.
    """
    version = airflow_version()
    if output_path:
        invalid_parameter(
            task_id, "end_from_trigger", True, "False with output_path, which needs a worker to store files"
        )
    if not deferrable:
        invalid_parameter(task_id, "end_from_trigger", True, "False unless deferrable=True")
    if version < (3, 0):
        found = ".".join(map(str, version))
        invalid_parameter(
            task_id, "end_from_trigger", True, f"False before Airflow 3.0; this is Airflow {found}"
        )
