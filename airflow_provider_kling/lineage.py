# SPDX-License-Identifier: Apache-2.0
"""Report inputs and outputs of a finished task to Airflow: asset events and hook lineage.

Nothing here may fail a task that is already paid for, or publish a signed URL.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from .results.viewable_files import result_items, stored_paths

if TYPE_CHECKING:
    from .version_compat import BaseOperator, Context

_log = logging.getLogger(__name__)


def emit_lineage(
    context: Context,
    operator: BaseOperator,
    hook: Any,
    result: Mapping[str, Any],
    inputs: Iterable[str],
    *,
    request: Mapping[str, Any] | None = None,
) -> None:
    """Report the inputs and results of a finished task to Airflow.

    Each declared outlet gets an asset event with the :func:`asset_extra` of the job; an ``AssetAlias`` among
    them stands for the stored files, each with its own ``path``. Hook lineage (OpenLineage reads it) gets the
    inputs and the stored files.

    :param context: Airflow's context of the task.
    :param operator: the task that ran.
    :param hook: the hook that it used, as the source of the lineage.
    :param result: return value of the task.
    :param inputs: URLs and paths of the task's input files; base64 among them is left out.
    :param request: metadata of the request; its ``labels`` and ``airflow`` are added to the asset's extra.
    """
    try:
        stored = {uri: path for path in stored_paths(result) if (uri := asset_uri(path))}
        metadata = asset_extra(result, getattr(operator, "model_name", None)) | _attribution(request or {})
        _add_asset_events(context, operator, metadata, stored)
        _add_hook_lineage(hook, [uri for each in inputs if (uri := _input_uri(each))], list(stored))
    except Exception as error:
        # Only the type: the text of the error may quote a signed URL.
        _log.warning("Assets and lineage could not be reported: %s", type(error).__name__)


def asset_extra(result: Mapping[str, Any], model: str | None) -> dict[str, Any]:
    """Return the extra of an asset event of a job.

    :param result: return value of a task.
    :param model: ``model_name`` of the request.
    :return: ``task_id``, ``endpoint``, ``model``, ``duration`` (seconds of all videos and audio), ``units``
        (text; ``None`` when unknown), ``expires_at`` (Unix time in ms) and ``paths`` of stored files.
    """
    items = result_items(result)
    seconds = [item.seconds for item in items if item.seconds is not None]
    return {
        "task_id": result.get("task_id"),
        "endpoint": result.get("endpoint"),
        "model": model,
        "duration": round(sum(seconds), 3) if seconds else None,
        "units": result.get("units"),
        "expires_at": result.get("expires_at"),
        "paths": stored_paths(result),
    }


def _attribution(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return labels and task instance of the job; without labels nothing, because events name the task."""
    parts = {name: request.get(name) for name in ("labels", "airflow")}
    return {name: dict(part) for name, part in parts.items() if parts["labels"] and isinstance(part, Mapping)}


def asset_uri(location: str | None) -> str | None:
    """Return the URI by which lineage knows a file.

    Without query, fragment and user: they hold signatures, passwords and ids of connections.

    :param location: URL, object storage URI, or path on this machine.
    :return: the URI; ``None`` if ``where`` does not name a file.
    """
    if not location:
        return None
    if location.startswith("/"):
        return f"file://{os.path.normpath(location)}"
    try:
        parts = urlsplit(location)
    except ValueError:
        return None
    if not parts.scheme or "://" not in location or not (parts.netloc or parts.path):
        return None
    return urlunsplit((parts.scheme.lower(), parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _input_uri(value: str) -> str | None:
    from .inputs.sources import InputSource, classify_input

    source = classify_input(value)
    if source is InputSource.BASE64:
        return None
    return asset_uri(os.path.abspath(value) if source is InputSource.LOCAL else value)


def _add_asset_events(
    context: Context, operator: BaseOperator, metadata: Mapping[str, Any], stored: Mapping[str, str | None]
) -> None:
    from .version_compat import Asset, AssetAlias, airflow_version

    events: Any = context.get("outlet_events")
    for outlet in getattr(operator, "outlets", None) or () if events is not None else ():
        if isinstance(outlet, AssetAlias):
            # Airflow 2 fails the task if there are lists or dicts.
            extra = {
                name: json.dumps(value) if isinstance(value, dict) and airflow_version() < (3, 0) else value
                for name, value in metadata.items()
                if name != "paths"
            }
            for uri, path in stored.items():
                events[outlet].add(Asset(uri), extra={**extra, "path": path})
        elif isinstance(outlet, Asset):
            # Keys that the DAG author has set are not overwritten.
            for name, value in metadata.items():
                events[outlet].extra.setdefault(name, value)


def _add_hook_lineage(hook: Any, inputs: list[str], outputs: list[str]) -> None:
    if not inputs and not outputs:
        # Creating a collector loads the asset handlers of all installed providers.
        return
    from .version_compat import get_hook_lineage_collector

    collector: Any = get_hook_lineage_collector()
    # Airflow 2 calls assets datasets.
    kind = "asset" if hasattr(collector, "add_input_asset") else "dataset"
    for uri in inputs:
        getattr(collector, f"add_input_{kind}")(context=hook, uri=uri)
    for uri in outputs:
        getattr(collector, f"add_output_{kind}")(context=hook, uri=uri)
