# SPDX-License-Identifier: Apache-2.0
"""Show the verdicts of media checks on the cards of the checked jobs. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .serializers import TaskInstanceRow

_MAX_FAILURES = 5
_MAX_LENGTH = 200


def add_verdicts(cards: list[dict[str, Any]], instances: Iterable[TaskInstanceRow]) -> list[dict[str, Any]]:
    """Add the verdict of a media check to each card whose files were checked.

    :param cards: cards of one page; they are changed.
    :param instances: task instances of the same page, among them those that check.
    :return: the cards; ``check`` is ``passed`` or the failures as text.
    """
    verdicts: dict[str, list[str]] = {}
    for instance in instances:
        for path, failures in _verdicts_of(instance.xcoms.get("return_value")):
            verdicts[path] = failures
    for card in cards:
        found = [verdicts[item["path"]] for item in card["items"] if item["path"] in verdicts]
        if found:
            card["check"] = "\n".join(text for failures in found for text in failures) or "passed"
    return cards


def _verdicts_of(value: Any) -> Iterable[tuple[str, list[str]]]:
    # An XCom may hold anything.
    files = value.get("files") if isinstance(value, Mapping) and "passed" in value else None
    for file in files if isinstance(files, list) else ():
        failures = file.get("failures") if isinstance(file, Mapping) else None
        if isinstance(failures, list) and isinstance(file.get("path"), str):
            yield file["path"], [str(text)[:_MAX_LENGTH] for text in failures[:_MAX_FAILURES]]
