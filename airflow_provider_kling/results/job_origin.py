# SPDX-License-Identifier: Apache-2.0
"""Facts in results, manifests and the XCom ``request``: the job's account, its scope and take. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SCOPE_FACT, TAKE_FACT, REUSED_FACT = "idempotency_scope", "take", "reused_from"
REJECTED_FACT = "rejected"
"""Keys of scope, take and origin of a job in a manifest and in the XCom ``request``."""

INPUTS = "inputs"
"""Scope of a job that every task with the same request shares."""

_ORIGIN = ("dag_id", "run_id", "task_id", "map_index")

CONNECTION_FACT = "kling_conn_id"
"""Key of the job's connection in results, manifests, ledgers and the XCom ``request``."""

_IDS = ("element_id", "video_id", "audio_id", "session_id", "image_id")
_VOICES = ("voice_id", "element_voice_id")


@dataclass(frozen=True, slots=True)
class RequestIdentity:
    """Key of a result in the index.

    :param fingerprint: hash of the request, as :class:`.PreparedRequest` has it.
    :param take: the take; empty for the first one.
    """

    fingerprint: str
    take: str = ""

    @property
    def file_name(self) -> str:
        """Name of the entry within the index."""
        mark = f".{hashlib.sha256(self.take.encode()).hexdigest()[:12]}" if self.take else ""
        return f"{self.fingerprint}{mark}.json"


def scope_facts(scope: str, take: str) -> dict[str, str]:
    """Return the manifest's facts about a job that others may re-use.

    :param scope: ``run`` or ``inputs``.
    :param take: the take.
    :return: facts; none in scope ``run`` without a take.
    """
    shared = {SCOPE_FACT: scope} if scope == INPUTS else {}
    return {**shared, **({TAKE_FACT: take} if take else {})}


def identity_in(metadata: Mapping[str, Any]) -> RequestIdentity | None:
    """Return the key of a result in the index.

    :param metadata: facts about the request.
    :return: its identity; ``None`` if the job belongs to its task alone.
    """
    fingerprint = metadata.get("fingerprint")
    if metadata.get(SCOPE_FACT) != INPUTS or not isinstance(fingerprint, str):
        return None
    return RequestIdentity(fingerprint, str(metadata.get(TAKE_FACT) or ""))


def as_reused(result: Mapping[str, Any], origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result that this task did not pay for.

    :param result: the task as operators return it.
    :param origin: origin of the job.
    :return: the same with ``units`` "0", no charges, and ``reused_from``.
    """
    rest = {name: value for name, value in result.items() if name != "final_balance_deduction"}
    return {**rest, "units": "0", "charges": [], REUSED_FACT: dict(origin)}


def origin_of(task_id: str, airflow: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the origin of a re-used job.

    :param task_id: Kling's id of the job.
    :param airflow: the task instance that stored its files, as in a manifest.
    :return: ``kling_task_id``, and ``dag_id``, ``run_id``, ``task_id`` and ``map_index`` where known.
    """
    known = airflow if isinstance(airflow, Mapping) else {}
    return {
        "kling_task_id": task_id,
        **{name: known[name] for name in _ORIGIN if isinstance(known.get(name), str | int)},
    }


def account_bound_fields(values: Mapping[str, Any]) -> list[str]:
    """Return the fields of a request with ids that only one account has: voices, elements, results.

    A voice whose id is a word, such as ``genshin_vindi2``, is one of the vendor's own.

    :param values: the fields by name.
    :return: the names of the outermost fields.
    """
    return [name for name, value in values.items() if _is_bound(name, value)]


def _is_bound(name: str, value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_bound(key, item) for key, item in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return any(_is_bound(name, item) for item in value)
    text = str(value if value is not None else "").strip()
    return (name in _IDS and bool(text)) or (name in _VOICES and text.isdecimal())
