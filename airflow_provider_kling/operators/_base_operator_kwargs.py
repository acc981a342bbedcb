# SPDX-License-Identifier: Apache-2.0
"""The parameters of every Airflow operator, for type checkers: the stubs of the operators use them.

Airflow's constructors take ``**kwargs`` of any name, so that a misspelled parameter is found only when
Airflow parses the DAG. With the names listed here, an editor finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Required, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, MutableMapping, Sequence
    from datetime import datetime, timedelta

    from ..version_compat import DAG, Context, TaskGroup

    Callback = Callable[[Context], None]
    Callbacks = Callback | Collection[Callback] | None
    CallbackList = Callback | list[Callback] | None


class BaseOperatorKwargs(TypedDict, total=False):
    """Parameters of ``BaseOperator`` in Airflow 2.11 to 3.3; see Airflow's documentation for each.

    ``retry_policy`` and ``render_template_as_native_obj`` need Airflow 3.3.
    """

    task_id: Required[str]
    owner: str
    email: str | Sequence[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: bool | float
    max_retry_delay: timedelta | float | None
    retry_policy: Any
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: MutableMapping[str, Any] | None
    default_args: dict[str, Any] | None
    priority_weight: int
    weight_rule: Any
    queue: str
    pool: str | None
    pool_slots: int
    sla: timedelta | None
    execution_timeout: timedelta | None
    on_execute_callback: Callbacks
    on_failure_callback: CallbackList
    on_success_callback: Callbacks
    on_retry_callback: CallbackList
    on_skipped_callback: Callbacks
    pre_execute: Callable[[Context], None] | None
    post_execute: Callable[[Context, Any], None] | None
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None
