# SPDX-License-Identifier: Apache-2.0
"""The cards of task instances and of rows of batches in the preview. Pure: no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from ..api.pricing import USD_PER_UNIT, amount_of, unit_type
from ..api.registry import ENDPOINTS
from ..labels import LabelsInvalid, read_labels
from ..results.refused_content import REFUSED_STATUS
from ..results.viewable_files import ResultItem, as_result, result_items

_MAX_CHARGES = 20
_MAX_ROWS = 10_000_000
_MAX_FAILURES = 5
_MAX_FAILURE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class BatchOverview:
    """The overview that a batch pushes as XCom before its first job.

    :param endpoint: slug of the endpoint of its rows.
    :param clear_count: which clear of the task its name is of; 0 before the first.
    :param rows: how many rows its input has.
    :param unit: what its units are of: ``video`` or ``image``.
    :param units_estimated: expected cost of all rows, as text.
    :param ledger_path: folder of its ledger.
    """

    endpoint: str
    clear_count: int
    rows: int
    unit: str | None = None
    units_estimated: str | None = None
    ledger_path: str | None = None


def read_overview(value: Any) -> BatchOverview | None:
    """Read the overview that a batch has pushed.

    :param value: JSON value of the XCom.
    :return: the overview; ``None`` for anything else.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("endpoint"), str):
        return None
    numbers = [value.get(name) for name in ("generation", "rows")]
    if any(type(number) is not int or not 0 <= number < _MAX_ROWS for number in numbers):
        return None
    return BatchOverview(
        endpoint=value["endpoint"],
        clear_count=value["generation"],
        rows=value["rows"],
        unit=_text(value.get("unit")),
        units_estimated=_text(value.get("units_estimated")),
        ledger_path=_text(value.get("ledger_path")),
    )


@dataclass(frozen=True, slots=True)
class TaskInstanceRow:
    """A task instance as Airflow's database knows it.

    :param dag_id: id of the DAG.
    :param run_id: id of the DAG run.
    :param task_id: id of the task.
    :param map_index: index of a mapped task's instance; -1 otherwise.
    :param label: what its DAG author calls this instance of a mapped task.
    :param state: Airflow's state, ``None`` before it is scheduled.
    :param try_number: number of the try.
    :param xcoms: what it pushed, by key.
    :param fields: its rendered template fields; Airflow stores those of the latest runs only.
    :param watched: whether a process that asks Kling has taken it, for a deferred or running one.
    :param seen_at: when that process was last known to be alive; Unix time in ms.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    label: str | None = None
    state: str | None = None
    try_number: int = 0
    xcoms: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    watched: bool = False
    seen_at: int | None = None

    @property
    def batch(self) -> BatchOverview | None:
        """The overview of its batch; ``None`` for a task that runs a single job."""
        return read_overview(self.xcoms.get("kling_batch"))

    @property
    def result(self) -> Mapping[str, Any]:
        """The job that it returned, or what is known of it so far."""
        error, request = self.error, self.xcoms.get("request")
        progress = {name: self.xcoms.get(name) or error.get(name) for name in ("task_id", "external_task_id")}
        requested_endpoint = request.get("endpoint") if isinstance(request, Mapping) else None
        progress["endpoint"] = error.get("endpoint") or requested_endpoint
        return as_result(self.xcoms.get("return_value")) or progress

    @property
    def error(self) -> Mapping[str, Any]:
        """The error that it pushed when it failed; empty without one."""
        error = self.xcoms.get("error")
        return error if isinstance(error, Mapping) and "message" in error and "job" in error else {}

    @property
    def output_path(self) -> str | None:
        """Folder that it stores files in, empty for none; ``None`` if Airflow does not know it any more."""
        if not self.fields:
            return None
        value = self.fields.get("output_path")
        # Newer versions of Airflow store an ObjectStoragePath as an object.
        if isinstance(value, Mapping):
            path, conn_id = value.get("path"), value.get("conn_id")
            scheme, separator, path_rest = path.partition("://") if isinstance(path, str) else ("", "", "")
            has_conn_id = isinstance(conn_id, str) and separator and not path_rest.startswith(f"{conn_id}@")
            value = f"{scheme}://{conn_id}@{path_rest}" if has_conn_id else path
        return value if isinstance(value, str) and value != "None" else ""


def to_card(instance: TaskInstanceRow) -> dict[str, Any]:
    """Return what is shown of a task instance: its result or its progress.

    :param instance: the task instance.
    :return: plain JSON, see ``static/kling.js``.
    """
    fields, result = instance.fields, instance.result
    refusal = _refusal(result)
    return {
        "id": f"{instance.task_id}/{instance.map_index}",
        "task_id": instance.task_id,
        "map_index": instance.map_index,
        "label": instance.label,
        "state": instance.state,
        "try_number": instance.try_number,
        "prompt": _first_text(fields, "prompt", "text") or refusal.get("prompt"),
        "refused": refusal.get("reason"),
        "model": _first_text(fields, "model_name"),
        "endpoint": _plain(result.get("endpoint")),
        "job": _id(result.get("task_id")),
        "external_id": _id(result.get("external_task_id")),
        "error": _text(instance.error.get("message")) if instance.state in _FAILED_STATES else None,
        "error_type": _text(instance.error.get("type")) if instance.state in _FAILED_STATES else None,
        "job_state": _text(instance.error.get("job")) if instance.state in _FAILED_STATES else None,
        "conn_id": _first_text(fields, "kling_conn_id"),
        "watched": instance.watched,
        "seen_at": instance.seen_at,
        "batch": _batch(instance),
        "output_path": instance.output_path or None,
        **{name: _plain(result.get(name)) for name in ("units", "created_at", "updated_at", "expires_at")},
        "labels": _labels(instance),
        "usd": list_price(result.get("endpoint"), result.get("units")),
        "charges": [row for each in _rows(result.get("charges")) if (row := _charge(each))],
        "items": [_item_json(instance, item) for item in result_items(result)],
    }


def _refusal(result: Mapping[str, Any]) -> dict[str, str | None]:
    """Return reason and prompt of refused content that is a result (``on_refused="return"``)."""
    if result.get("status") != REFUSED_STATUS:
        return {}
    reason = _text(result.get("reason")) or "no reason was reported"
    return {"reason": reason, "prompt": _text(result.get("prompt"))}


def _batch(instance: TaskInstanceRow) -> dict[str, Any] | None:
    batch = instance.batch
    if batch is None:
        return None
    return {
        "rows": batch.rows,
        "unit": batch.unit,
        "units_estimated": batch.units_estimated,
        "endpoint": batch.endpoint,
        "sheet": _file_url(instance, "sheet"),
        "url": _file_url(instance, "batch"),
    }


def to_row(instance: TaskInstanceRow, entry: Any) -> dict[str, Any]:
    """Return what is shown of a row of a batch.

    :param instance: the batch's task instance with the row's result.
    :param entry: the row's line in the ledger.
    :return: plain JSON, see ``static/batch.js``.
    """
    result = instance.result
    return {
        "id": entry.key,
        "number": entry.number,
        "state": entry.state.value,
        "job": _id(entry.task_id),
        "external_id": _id(entry.external_task_id),
        "units": _plain(entry.units),
        "charges": [row for each in _rows(list(entry.charges or ())) if (row := _charge(each))],
        "created_at": _plain(entry.submitted_at),
        "error": _text(entry.error),
        "prompt": _text(entry.prompt),
        "model": _text(entry.model_name),
        "labels": _labels_of(entry.labels),
        "request": _file_url(instance, "row", key=entry.key),
        "items": [_item_json(instance, item, row=entry.key) for item in result_items(result)],
    }


def list_price(endpoint: Any, units: Any) -> str | None:
    """Return what units cost at the vendor's list price.

    :param endpoint: slug of the endpoint that took them.
    :param units: number of units.
    :return: US dollars as text; ``None`` where either is not known.
    """
    known_endpoint, amount = ENDPOINTS.get(endpoint) if isinstance(endpoint, str) else None, amount_of(units)
    if known_endpoint is None or amount is None:
        return None
    return f"{(amount * USD_PER_UNIT[unit_type(known_endpoint)]).normalize():f}"


_FAILED_STATES = ("failed", "up_for_retry")
_MAX_TEXT_LENGTH = 4000


def _text(value: Any) -> str | None:
    return value[:_MAX_TEXT_LENGTH] if isinstance(value, str) and value else None


def _plain(value: Any) -> str | float | None:
    # An XCom may have values that JSON does not support, which would break the whole page.
    is_plain = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    return value if is_plain else None


def _labels(instance: TaskInstanceRow) -> dict[str, str]:
    """Labels of the job: as the worker pushed them, otherwise as Airflow rendered them."""
    request = instance.xcoms.get("request")
    source = request if isinstance(request, Mapping) else instance.fields
    return _labels_of(source.get("labels"))


def _labels_of(labels: Any) -> dict[str, str]:
    try:
        return read_labels(labels)
    except LabelsInvalid:
        return {}


def _rows(value: Any) -> list[Any]:
    return value[:_MAX_CHARGES] if isinstance(value, list) else []


def _charge(row: Any) -> dict[str, Any] | None:
    if not isinstance(row, Mapping) or row.get("type") not in ("units", "cash"):
        return None
    return {name: _plain(row.get(name)) for name in ("type", "amount", "currency")}


def _id(value: Any) -> str | None:
    # JavaScript rounds whole numbers of more than 15 digits.
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _item_json(instance: TaskInstanceRow, item: ResultItem, **row: str) -> dict[str, Any]:
    poster = poster_of(instance.result, item)
    return {
        "media": item.media,
        "seconds": item.seconds,
        "path": item.path,
        "file": _file_url(instance, "file", item=item.key, **row) if item.path else None,
        "poster": _file_url(instance, "file", item=poster.key, **row) if poster else None,
        "url": item.url,
    }


def poster_of(result: Mapping[str, Any], item: ResultItem) -> ResultItem | None:
    """Return the poster of a video, where the task has stored one.

    :param result: the task's return value.
    :param item: a file of it.
    :return: the image as an item of its own; ``None`` without one.
    """
    array, _, index_part = item.key.partition("[")
    number = index_part.partition("]")[0]
    entry = result[array][int(number)]
    path = entry.get("poster") if isinstance(entry, Mapping) else None
    if not isinstance(path, str) or not path:
        return None
    return ResultItem(f"{array}[{number}].poster", "image", None, path, f"{number}-poster", None, None)


def find_item(result: Mapping[str, Any], key: str) -> ResultItem | None:
    """Return the file or poster of a result that a key names.

    :param result: a task's return value.
    :param key: such as ``videos[0].url`` or ``videos[0].poster``.
    :return: the file; ``None`` if the result has no such file.
    """
    for item in result_items(result):
        poster = poster_of(result, item)
        for each in (item, poster):
            if each and each.key == key:
                return each
    return None


def _file_url(instance: TaskInstanceRow, route: str, **query_values: str) -> str:
    """Return the URL of a stored file or a batch; it names the task instance, never a path."""
    query = {
        "run_id": instance.run_id,
        "task_id": instance.task_id,
        "map_index": instance.map_index,
        **query_values,
    }
    return f"dags/{quote(instance.dag_id, safe='')}/{route}?{urlencode(query)}"


def _first_text(fields: Mapping[str, Any], *names: str) -> str | None:
    return next(_texts(fields, names), None)


def _texts(fields: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        # Airflow writes an unset field as the text "None".
        if isinstance(fields.get(name), str) and fields[name] not in ("", "None"):
            yield fields[name]


def add_verdicts(cards: list[dict[str, Any]], instances: Sequence[TaskInstanceRow]) -> list[dict[str, Any]]:
    """Add the result of a media check to each card whose files were checked.

    :param cards: cards of one page; they are changed.
    :param instances: the task instances of the cards, among them those that check files of others.
    :return: the cards; ``check`` is ``passed`` or the failures as text.
    """
    verdicts: dict[str, list[str]] = {}
    for instance in instances:
        for path, failures in _verdicts_of(instance.xcoms.get("return_value")):
            verdicts[path] = failures
    for card, instance in zip(cards, instances, strict=True):
        failure_lists = [verdicts[item["path"]] for item in card["items"] if item["path"] in verdicts]
        media_verdict = _media_verdict(instance.xcoms.get("return_value"))
        if failure_lists:
            card["check"] = (
                "\n".join(text for failures in failure_lists for text in failures)
                or media_verdict
                or "passed"
            )
        elif media_verdict:
            card["check"] = media_verdict
    return cards


def _media_verdict(value: Any) -> str:
    """Return the verdict of a task that checks its own files; it succeeds only if they pass."""
    verdict = value.get("media_check") if isinstance(value, Mapping) else None
    if not isinstance(verdict, Mapping) or verdict.get("passed") is not True:
        return ""
    rejected = value.get("rejected")
    count = len(rejected) if isinstance(rejected, list) else 0
    return f"passed, after {count} rejected {'job' if count == 1 else 'jobs'}" if count else "passed"


def _verdicts_of(value: Any) -> Iterable[tuple[str, list[str]]]:
    # An XCom may hold anything.
    files = value.get("files") if isinstance(value, Mapping) and "passed" in value else None
    for file in files if isinstance(files, list) else ():
        failures = file.get("failures") if isinstance(file, Mapping) else None
        if isinstance(failures, list) and isinstance(file.get("path"), str):
            yield file["path"], [str(text)[:_MAX_FAILURE_LENGTH] for text in failures[:_MAX_FAILURES]]
