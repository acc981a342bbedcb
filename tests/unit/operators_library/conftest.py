# SPDX-License-Identifier: Apache-2.0
"""Tests here run whole DAGs."""

from __future__ import annotations

from tests.support.dag_runs import run

__all__ = ["run"]
