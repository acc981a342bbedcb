# SPDX-License-Identifier: Apache-2.0
"""Parameters that a mapped task takes from the outputs of other tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..version_compat import DAG, BaseOperator


def mapped_references(operator: BaseOperator, names: Iterable[str]) -> dict[str, Any]:
    """Return the references by which a mapped task gets parameters, instead of their values.

    A value that an output gives through ``expand()`` stands in the instance as if it were written in the DAG
    file; so an output that holds nothing would be no limit and no path.

    :param operator: an instance of a mapped task, or any other task.
    :param names: parameters to look for.
    :return: reference by parameter; empty where the DAG file has all values.
    """
    from ..version_compat import XComArg

    dag: DAG | None = operator.get_dag()
    mapped = dag.task_dict.get(operator.task_id) if dag else None
    expand_input = getattr(mapped, "_get_specified_expand_input", None)
    if expand_input is None:
        return {}
    source = expand_input().value
    if isinstance(source, Mapping):
        return {name: source[name] for name in names if isinstance(source.get(name), XComArg)}
    items = source if isinstance(source, list | tuple) else [source]
    reference = next((item for item in items if isinstance(item, XComArg)), None)
    if reference is None:
        return {}
    values = getattr(operator, "_BaseOperator__init_kwargs", {})
    common = getattr(mapped, "partial_kwargs", {})
    return {name: reference for name in names if name in values and name not in common}
