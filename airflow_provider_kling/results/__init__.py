# SPDX-License-Identifier: Apache-2.0
"""Result files, kept where the user wants them before Kling deletes its own."""

from __future__ import annotations

from .land import land
from .manifest import check_output_path, landed_task_ids, manifest_of_task
from .plan import MANIFEST, files_of, folder_of
from .rules import DownloadRules

__all__ = [
    "MANIFEST",
    "DownloadRules",
    "check_output_path",
    "files_of",
    "folder_of",
    "land",
    "landed_task_ids",
    "manifest_of_task",
]
