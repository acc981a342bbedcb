# SPDX-License-Identifier: Apache-2.0
"""The jobs in manifests and batch ledgers, with task instance and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..api.pricing import amount_of
from ..batch.ledger import Ledger
from ..batch.ledger_entry import LedgerEntry, RowState, shared_value
from ..labels import LabelsInvalid, read_labels
from ..results.files import MANIFEST
from ..results.job_origin import REUSED_FACT
from ..results.manifest import VERSION
from ..utils.json_input import read_json
from ..utils.storage import StoragePath, StorageTransientError, resolve_path, translate_storage_errors

if TYPE_CHECKING:
    from ..version_compat import ObjectStoragePath

LEDGERS = "_ledger"

_PARALLEL = 16
_TRIES = 3
_INSTANCE = ("dag_id", "run_id", "task_id", "map_index", "try_number", "owner")


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job that a task of this Airflow made or stored.

    :param task_id: Kling's id of it.
    :param endpoint: slug of the endpoint, where it is known.
    :param model: ``model_name`` of the request.
    :param external_task_id: its external id.
    :param labels: its labels.
    :param airflow: the task instance.
    :param created_at: when it was created, Unix time in ms.
    :param units: the charge that Kling reported with the job.
    :param in_cash: Kling reported a charge in cash as well.
    :param reused: the source is of a task that re-used the job; another one has paid for it.
    :param stored: its files are stored.
    :param source: path of the manifest or ledger.
    """

    task_id: str
    endpoint: str | None = None
    model: str | None = None
    external_task_id: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    airflow: Mapping[str, Any] = field(default_factory=dict)
    created_at: int | None = None
    units: str | None = None
    in_cash: bool = False
    reused: bool = False
    stored: bool = False
    source: str = ""

    def with_gaps_filled(self, other: KnownJob) -> KnownJob:
        """Return the job, completed by another source.

        :param other: the same job from another source.
        :return: the job.
        """
        names = (
            "endpoint",
            "model",
            "external_task_id",
            "labels",
            "airflow",
            "created_at",
            "units",
            "in_cash",
        )
        missing = {name: getattr(other, name) for name in names if not getattr(self, name)}
        return replace(self, **missing, stored=self.stored or other.stored)


class KnownJobs:
    """The jobs that are known at some paths, by Kling's id.

    :param paths: output paths of operators and batches; folders below them are read too.
    """

    def __init__(self, paths: Iterable[str | ObjectStoragePath]) -> None:
        self.jobs: dict[str, KnownJob] = {}
        self.unreadable = 0
        """Files that exist and cannot be read."""
        for path in paths:
            self._read(resolve_path(path))

    def _read(self, root: StoragePath) -> None:
        manifests, ledgers = _found(root)
        for job in _each(_from_manifest, manifests):
            self._take(job)
        for folder in ledgers:
            ledger = Ledger(folder)
            ledger.load()
            with ledger.archived() as lines:
                for entry in map(lines.whole, ledger.entries.values()):
                    # A row that re-used another task's job did not pay for it.
                    known = {**(entry.facts or {}), **(entry.result or {})}
                    if entry.task_id and not known.get(REUSED_FACT):
                        self._take(_from_entry(entry, folder.uri))
                self.unreadable += len({*ledger.damaged, *lines.damaged})

    def _take(self, job: KnownJob | None) -> None:
        if job is None:
            self.unreadable += 1
            return
        earlier = self.jobs.get(job.task_id)
        if earlier and earlier.reused and not job.reused:
            job, earlier = earlier, job
        self.jobs[job.task_id] = earlier.with_gaps_filled(job) if earlier else job


def _found(root: StoragePath) -> tuple[list[StoragePath], list[StoragePath]]:
    """List the manifests and the folders of ledgers below a path, by one listing."""
    with translate_storage_errors():
        root.fs.invalidate_cache()
        try:
            names = [str(name) for name in root.fs.find(root.path)]
        except FileNotFoundError:
            return [], []
    inside = len(root.path.rstrip("/"))
    manifests, folders = [], set()
    for name in sorted(name[inside:].lstrip("/") for name in names):
        *above, folder, file = ("", *name.split("/"))
        if file == MANIFEST:
            manifests.append(root.child(name))
        elif file.endswith(".jsonl") and above[-1:] == [LEDGERS]:
            folders.add("/".join([*above, folder]).lstrip("/"))
    return manifests, [root.child(name) for name in sorted(folders)]


def _each(
    read: Callable[[StoragePath], KnownJob | None], places: list[StoragePath]
) -> Iterator[KnownJob | None]:
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-usage") as pool:
        yield from pool.map(read, places)


def _from_manifest(place: StoragePath) -> KnownJob | None:
    """Read a manifest, with retries: a missing one would make its charge unknown."""
    for left in reversed(range(_TRIES)):
        try:
            with translate_storage_errors():
                content = place.fs.cat_file(place.path)
            break
        except StorageTransientError:
            if not left:
                raise
    try:
        manifest = read_json(content)
    except ValueError:
        return None
    if not isinstance(manifest, Mapping) or manifest.get("version") != VERSION:
        return None
    task_id = manifest.get("task_id")
    request = manifest.get("request")
    if not isinstance(request, Mapping):
        request = {}
    # The task that stored the files of another one's job did not pay for it.
    reused = bool(request.get(REUSED_FACT))
    return (
        KnownJob(
            task_id=str(task_id),
            endpoint=_text(manifest.get("endpoint")),
            model=_text(request.get("model_name")),
            external_task_id=_text(manifest.get("external_task_id")),
            labels={} if reused else _labels(manifest.get("labels")),
            airflow={} if reused else _instance(manifest.get("airflow")),
            created_at=_whole(manifest.get("created_at")),
            units=_text(manifest.get("units")),
            in_cash=_in_cash(manifest.get("charges")),
            reused=reused,
            stored=True,
            source=place.uri,
        )
        if isinstance(task_id, str | int)
        else None
    )


def _from_entry(entry: LedgerEntry, source: str) -> KnownJob:
    return KnownJob(
        task_id=str(entry.task_id),
        model=_text((entry.facts or {}).get("model_name")) or entry.model_name,
        external_task_id=entry.external_task_id,
        labels=_labels(entry.labels),
        airflow=_instance(entry.airflow),
        created_at=entry.submitted_at,
        units=entry.units,
        in_cash=_in_cash(entry.charges),
        stored=entry.state is RowState.DONE,
        source=source,
    )


def _in_cash(charges: Any) -> bool:
    """Whether cash was charged, or may have been."""
    rows = charges if isinstance(charges, list) else ()
    cash = (row for row in rows if isinstance(row, Mapping) and row.get("type") == "cash")
    return any(amount_of(row.get("amount")) != 0 for row in cash)


def _labels(value: Any) -> Mapping[str, str]:
    try:
        labels: Mapping[str, str] = shared_value(read_labels(value))
    except LabelsInvalid:
        return {}
    return labels


def _instance(value: Any) -> Mapping[str, Any]:
    known = value if isinstance(value, Mapping) else {}
    instance = {name: known[name] for name in _INSTANCE if isinstance(known.get(name), str | int)}
    # Jobs share it: a hundred thousand are of one task instance.
    shared: Mapping[str, Any] = shared_value(instance)
    return shared


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
