# SPDX-License-Identifier: Apache-2.0
"""The parameters of a batch, parsed when their values are known: in the DAG file or after rendering."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from ..inputs.cost_limits import lowest_units, parse_usd
from ..inputs.prepared_request import check_extra_body, is_nothing, parse_units, read_extra_body
from ._parameters import (
    invalid_parameter,
    labels_in,
    read_conn_ids,
    read_endpoint,
    read_flag,
    read_path,
    read_seconds,
    read_take,
)

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..batch.config import Shard
    from .batch import KlingBatchOperator


@dataclass(frozen=True, slots=True)
class BatchParameters:
    """The templated parameters of a batch. Each method raises KlingRequestInvalid for an invalid value.

    :param batch: the operator, whose attributes are read when a method is called.
    """

    TEMPLATED: ClassVar[tuple[str, ...]] = (
        *("endpoint", "regenerate", "max_units", "max_usd", "expected_seconds", "output_path"),
        *("labels", "shard", "take", "fallback_conn_ids", "extra_body"),
    )

    batch: KlingBatchOperator

    def endpoint(self) -> Endpoint:
        """Read ``endpoint``.

        :return: the endpoint of all rows.
        """
        return read_endpoint(self.batch.task_id, "endpoint", self.batch.endpoint)

    def fallback_conn_ids(self) -> tuple[str, ...]:
        """Read ``fallback_conn_ids``.

        :return: the connections of further accounts, in order.
        """
        return read_conn_ids(self.batch.task_id, self.batch.fallback_conn_ids, self.batch.kling_conn_id)

    def extra_body(self) -> Any:
        """Read ``extra_body``.

        :return: further JSON keys of every request.
        """
        extra = read_extra_body(self.batch.extra_body)
        check_extra_body(extra)
        return extra

    def regenerate(self) -> bool:
        """Read ``regenerate``.

        :return: whether a clear submits every row again.
        """
        regenerate = read_flag(self.batch.task_id, "regenerate", self.batch.regenerate)
        if regenerate and self.batch.idempotency_scope == "inputs":
            rule = "False with idempotency_scope='inputs', which makes no row again; set take for other jobs"
            self._reject("regenerate", rule)
        return regenerate

    def take(self) -> str:
        """Read ``take``.

        :return: the take; empty for the first one.
        """
        return read_take(self.batch.task_id, self.batch.take)

    def max_units(self) -> Decimal | None:
        """Read ``max_units``.

        :return: the limit in units; ``None`` without one.
        """
        if self._is_limited("max_units") and is_nothing(self.batch.max_units):
            self._reject("max_units", "a number of units; without a limit, leave it out")
        return parse_units("max_units", self.batch.max_units)

    def max_usd(self) -> Decimal | None:
        """Read ``max_usd``.

        :return: the limit in US dollars; ``None`` without one.
        """
        if self._is_limited("max_usd") and is_nothing(self.batch.max_usd):
            self._reject("max_usd", "US dollars; without a limit, leave it out")
        return parse_usd("max_usd", self.batch.max_usd)

    def limit(self, endpoint: Endpoint) -> Decimal | None:
        """Read both limits.

        :param endpoint: endpoint of the rows, which decides the kind of units.
        :return: the lower one in units; ``None`` without a limit.
        """
        return lowest_units(endpoint, self.max_units(), self.max_usd())

    def expected_seconds(self) -> Decimal | None:
        """Read ``expected_seconds``.

        :return: the length for the estimate of rows without one; ``None`` if not set.
        """
        if is_nothing(self.batch.expected_seconds):
            return None
        value = read_seconds(self.batch.task_id, "expected_seconds", self.batch.expected_seconds)
        return Decimal(str(value))

    def output_path(self) -> Any:
        """Read ``output_path``.

        :return: folder of results, ledger and reports.
        """
        return read_path(self.batch.task_id, "output_path", self.batch.output_path)

    def labels(self) -> dict[str, str]:
        """Read ``labels``.

        :return: the labels of all rows.
        """
        return labels_in(self.batch.task_id, "labels", self.batch.labels)

    def shard(self) -> Shard | None:
        """Read ``shard`` and ``shards``.

        :return: the part of the rows that this task runs; ``None`` for all of them.
        """
        from ..batch.config import parse_shard

        try:
            return parse_shard(self.batch.shard, self.batch.shards)
        except ValueError as error:
            invalid_parameter(self.batch.task_id, "shard", self.batch.shard, str(error))

    def _is_limited(self, name: str) -> bool:
        """Whether the author has set a limit, of which rendering or mapping may have left nothing."""
        lost = any(each.path == (name,) for each in self.batch.unresolved)
        return lost or name in self.batch.limited

    def _reject(self, name: str, expected: str) -> None:
        invalid_parameter(self.batch.task_id, name, getattr(self.batch, name), expected)
