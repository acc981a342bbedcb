# SPDX-License-Identifier: Apache-2.0
"""Where tests of lineage find their storage."""

from __future__ import annotations

from tests.storages import s3, s3_server

__all__ = ["s3", "s3_server"]
