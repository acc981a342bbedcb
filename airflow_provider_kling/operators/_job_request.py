# SPDX-License-Identifier: Apache-2.0
"""The request of a job operator: built from its parameters, checked and estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from ..api.templating import is_templated
from ..exceptions import JobState, KlingError, KlingRequestInvalid
from ..inputs.cost_limits import enforce_limits
from ..inputs.prepared_request import (
    PreparedRequest,
    is_nothing,
    params_fingerprint,
    paths_to_str,
    prepare_request,
    read_extra_body,
)
from ..results.job_origin import CONNECTION_FACT, INPUTS, REJECTED_FACT, scope_facts
from ..submission.idempotency import load_request, task_instance_key
from ._inside_task import reject_templates
from ._parameters import read_job_labels, read_path, read_seconds, read_take
from ._reuse import shared_scope
from ._templates import EXTRA_BODY, OUTPUT_PATH, drop_paths

if TYPE_CHECKING:
    from ..api.hosts import Dialect
    from ..submission.context import IdempotencyKey
    from ..version_compat import Context
    from ._templates import UnresolvedTemplate
    from .base import KlingTaskOperator


@dataclass(frozen=True, slots=True)
class JobRequest:
    """The request of a job operator.

    :param operator: the operator, whose attributes are read when a method is called.
    """

    operator: KlingTaskOperator

    def prepare(self, context: Context | None = None, *, nested: bool = False) -> PreparedRequest:
        """Build the request, log its warnings and its estimate.

        :param context: Airflow's context of the running task, through which upstream results are read.
        :param nested: the operator is called by the code of another task, so Airflow renders no templates.
        :return: the request.
        :raises KlingRequestInvalid: it is invalid, or its estimate is above a limit. Limits of a job that
            other tasks may have submitted are checked later, because it costs nothing if it exists.
        """
        task = self.operator
        self.check_rendered()
        if nested and not task.is_rendered:
            values = {name: getattr(task, name) for name in task.template_fields}
            reject_templates(task, values | task.request_values())
        dialect = task.hook.settings.dialect
        limited = any(limit is not None for limit in (task.max_units, task.max_usd, task.budget))
        request = self.build(dialect, context, limited=limited)
        for warning in request.warnings:
            task.log.warning("%s", warning)
        self._log_cost(request, dialect)
        if not self.is_shared:
            enforce_limits(request, task.max_units, task.max_usd)
        elif self.user_external_task_id():
            raise KlingRequestInvalid(
                "Invalid value for 'external_task_id': expected none with idempotency_scope='inputs', which "
                f"names the job. Task {task.task_id!r}.",
                job=JobState.NOT_CREATED,
            )
        return request

    def check_rendered(self) -> None:
        """Fail for required values whose template rendered empty, and warn of optional ones.

        :raises KlingRequestInvalid: a required field, a prompt, a path or a limit rendered empty.
        """
        for each in self.operator.unresolved:
            if each.fatal or self._is_required(each):
                raise KlingRequestInvalid(
                    f"{each}. Check the task and the key that it names ({self.operator.endpoint}).",
                    job=JobState.NOT_CREATED,
                )
            self.operator.log.warning("%s, so it is not sent", each)
        path = self.operator.output_path
        if path is not None and not is_templated(path):
            read_path(self.operator.task_id, OUTPUT_PATH, path)

    def build(
        self, dialect: Dialect, context: Context | None = None, *, limited: bool = False
    ) -> PreparedRequest:
        """Build the request without logging or enforcing anything.

        :param dialect: what the connection's host documents.
        :param context: Airflow's context of the running task, through which upstream results are read.
        :param limited: a limit needs the price, so the length of a URL may be read from its headers.
        :return: the request.
        :raises KlingRequestInvalid: it is invalid.
        """
        from ._priced_length import find_seconds

        return prepare_request(
            self.operator.endpoint,
            self._values(),
            dialect,
            self._extra_body(),
            expected_seconds=self.expected_seconds(),
            find_seconds=partial(find_seconds, self.operator, context, read_files=limited),
        )

    def expected_seconds(self) -> Decimal | None:
        """Return the length for the job's estimate.

        :return: seconds; ``None`` where none is given.
        :raises KlingRequestInvalid: it is no length of time.
        """
        value = self.operator.expected_seconds
        if is_nothing(value):
            return None
        return Decimal(str(read_seconds(self.operator.task_id, "expected_seconds", value)))

    def params_fingerprint(self) -> str:
        """Hash the parameters, without reading input files.

        :return: the hash.
        """
        return params_fingerprint(
            self.operator.endpoint, self.operator.request_values(), self.operator.original(EXTRA_BODY)
        )

    def user_external_task_id(self) -> Any:
        """Return the user's own external id.

        :return: the id; a false value if there is none.
        """
        return self.operator.request_values().get("external_task_id")

    @property
    def is_shared(self) -> bool:
        """Whether other tasks may have submitted the job: ``idempotency_scope="inputs"``."""
        return self.operator.idempotency_scope == INPUTS

    def take(self) -> str:
        """Return the take.

        :return: the take; empty for the first one.
        :raises KlingRequestInvalid: it is neither text nor a number.
        """
        return self.operator.replacement_take or read_take(self.operator.task_id, self.operator.take)

    def stable_key(self, key: IdempotencyKey) -> IdempotencyKey:
        """Return the key that ``on_clear``, ``idempotency_scope`` and ``take`` require.

        :param key: the key of the task instance.
        :return: the same with the take; without the count of clears, or with the scope.
        """
        operator = self.operator
        key = replace(key, take=self.take(), regenerated=operator.replacement_take is not None)
        settings = operator.usable_settings() if self.is_shared else None
        if settings:
            return replace(key, scope=shared_scope(settings, operator.endpoint))
        return replace(key, clear_count=0) if operator.on_clear == "attach" else key

    def task_key(self, context: Context) -> IdempotencyKey:
        """Return the idempotency key of the task instance, without the inputs.

        :param context: Airflow's context of the running task.
        :return: the key.
        """
        return self.stable_key(task_instance_key(context, self.operator.retries or 0))

    def origin(self, context: Context) -> dict[str, Any]:
        """Return the facts about the task of a request, and whether others may re-use its job.

        :param context: Airflow's context of the running task.
        :return: ``labels`` where there are any, ``kling_conn_id`` of a task with several accounts, and
            ``airflow``: the task instance; ``idempotency_scope`` and ``take`` where they are set.
        :raises KlingRequestInvalid: the labels are invalid.
        """
        from ..results.manifest import task_instance_info

        labels = read_job_labels(self.operator.task_id, "labels", self.operator.labels)
        return {
            **({"labels": labels} if labels else {}),
            **({CONNECTION_FACT: self.operator.active_conn_id} if self.operator.fallback_conn_ids else {}),
            "airflow": task_instance_info(context),
            **scope_facts(self.operator.idempotency_scope, self.take()),
            **({REJECTED_FACT: self.operator.rejected} if self.operator.rejected else {}),
        }

    def stored_metadata(self, context: Context) -> Mapping[str, Any]:
        """Return the metadata of a request that an earlier worker has sent, if XCom does not have it.

        :param context: Airflow's context of the running task.
        :return: the manifest's part about the request; empty if it cannot be known.
        """
        task = self.operator
        if task.do_xcom_push:
            return {}
        record = load_request(context, self.task_key(context))
        if record and record.metadata:
            return record.metadata
        try:
            dialect = task.hook.settings.dialect
            request = prepare_request(
                task.endpoint, task.request_values(), dialect, task.original(EXTRA_BODY)
            )
            return {**request.metadata(), **self.origin(context)}
        except KlingError as error:
            # An input may be missing by now; the result is complete without it.
            task.log.warning("The manifest will hold no metadata of the request: %s", error)
            return {}

    def _is_required(self, unresolved: UnresolvedTemplate) -> bool:
        field = self.operator.endpoint.request.model_fields.get(str(unresolved.path[0]))
        return len(unresolved.path) == 1 and field is not None and field.is_required()

    def _values(self) -> Any:
        """Return the request's fields without those that rendered to nothing, whatever word that left."""
        values = self.operator.request_values()
        # An item of a list is refused by its place; left out, it would change what the others mean.
        empty = [each.path for each in self.operator.unresolved if isinstance(each.path[-1], str)]
        return drop_paths(paths_to_str(values), empty) if empty else values

    def _extra_body(self) -> Any:
        empty = [each.path[1:] for each in self.operator.unresolved if each.path[0] == EXTRA_BODY]
        return drop_paths(read_extra_body(self.operator.original(EXTRA_BODY)), empty)

    def _log_cost(self, request: PreparedRequest, dialect: Dialect) -> None:
        from ..api.pricing import PRICES_OF, format_usd, unit_type, units_to_usd

        log, unit = self.operator.log, unit_type(self.operator.endpoint)
        if request.estimate is None:
            log.info("The cost of this job cannot be estimated")
        elif dialect.name == "kling":
            usd = format_usd(units_to_usd(self.operator.endpoint, request.estimate))
            log.info(
                "This job will cost about %s %s units (%s by the list price of %s)",
                request.estimate,
                unit,
                usd,
                PRICES_OF,
            )
        else:
            log.info(
                "%s sets the price of this job; Kling's own list price would be %s %s units (%s)",
                dialect.title,
                request.estimate,
                unit,
                format_usd(units_to_usd(self.operator.endpoint, request.estimate)),
            )
