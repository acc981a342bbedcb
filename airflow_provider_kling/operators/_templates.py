# SPDX-License-Identifier: Apache-2.0
"""Find templates that rendered empty: pure functions."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..api.requests.coercion import is_result, parse_mapping, to_builtin
from ..api.templating import EXPRESSION, WORDS, holds_none, is_lost, is_templated, rendered_text_problem
from ..inputs.prepared_request import paths_to_str
from ..utils.redaction import redact_text

_PROMPT = "prompt"
_REQUIRED_IF_TEMPLATED = ("output_path", "max_units", "max_usd", "kling_conn_id", _PROMPT)

EXTRA_BODY = "extra_body"
OUTPUT_PATH = "output_path"
CONN_ID = "kling_conn_id"

_SOMETHING = r"(?!None\b)\s*\S.*?"
_MOST_EXPRESSIONS = 6
_LONGEST_SHOWN = 60

Path = tuple[str | int, ...]
"""Path to a value inside a parameter: keys and indexes of lists."""


@dataclass(frozen=True, slots=True)
class UnresolvedTemplate:
    """A template that rendered empty.

    :param path: the parameter, and the path to the value inside it.
    :param template: the template.
    :param value: what it rendered to.
    :param why: what is wrong with it.
    :param partial: only an expression inside it has no value.
    """

    path: Path
    template: str
    value: Any
    why: str = "has no value"
    partial: bool = False

    @property
    def name(self) -> str:
        """The path as text, such as ``multi_prompt[0].prompt``."""
        first, *inner = self.path
        return f"{first}" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inner)

    @property
    def fatal(self) -> bool:
        """Whether the task must fail: for a value that is no text of its field, or has none and needs one."""
        return not is_lost(self.value) or self.path[-1] in _REQUIRED_IF_TEMPLATED

    def __str__(self) -> str:
        return f"{self.name} is {self.value!r} after rendering: {self.template} {self.why}"


def renderable(value: Any) -> Any:
    """Return a value in a form that Airflow renders correctly.

    Airflow renders text only: it would not render a template in a path, and of a text enumeration it would
    render the name.

    :param value: a parameter as the DAG has it.
    :return: text for a path with a template, and plain Python types for their subclasses.
    """
    if isinstance(value, os.PathLike) or hasattr(value, "storage_options"):
        return paths_to_str(value) if is_templated(value) else value
    return to_builtin(value)


def find_unresolved(templates: Mapping[str, Any], rendered: Mapping[str, Any]) -> list[UnresolvedTemplate]:
    """Find templates and XCom references that rendered empty, at any depth.

    :param templates: parameters as the DAG has them.
    :param rendered: the same after rendering.
    :return: each of them.
    """
    return [lost for name, value in templates.items() for lost in _lost_in((name,), value, rendered[name])]


def _lost_in(path: Path, template: Any, rendered: Any) -> list[UnresolvedTemplate]:
    if not is_templated(template):
        return []
    if is_lost(rendered) or (path == (OUTPUT_PATH,) and _part_is_lost(template, rendered)):
        return [UnresolvedTemplate(path, str(template), rendered)]
    if (why := rendered_text_problem(path[-1], rendered)) is not None:
        return [UnresolvedTemplate(path, str(template), redact_text(rendered)[:_LONGEST_SHOWN], why)]
    if path[-1] in WORDS and holds_none(template, rendered):
        shown = redact_text(rendered)[:_LONGEST_SHOWN]
        return [UnresolvedTemplate(path, str(template), shown, "has a part without a value", partial=True)]
    if isinstance(template, Mapping) and isinstance(rendered, Mapping):
        parts: list[tuple[str | int, Any, Any]] = [
            (str(key), item, rendered.get(key)) for key, item in template.items()
        ]
    elif isinstance(template, list | tuple) and isinstance(rendered, list | tuple):
        parts = [(at, *pair) for at, pair in enumerate(zip(template, rendered, strict=False))]
    else:
        found = parse_mapping(rendered) if path == (EXTRA_BODY,) else rendered
        # A whole result is no valid value of a field: the field's own check reports it better.
        found = None if is_result(found) else found
        return [
            UnresolvedTemplate((*path, *inner), str(template), value) for inner, value in nothing_in(found)
        ]
    return [lost for part, *pair in parts for lost in _lost_in((*path, part), *pair)]


def _part_is_lost(template: Any, rendered: Any) -> bool:
    """Return whether an expression inside a path rendered empty, so that it names another folder."""
    if not isinstance(template, str) or not isinstance(rendered, str) or "{%" in template or "{#" in template:
        return False
    fixed = EXPRESSION.split(template.strip())
    if len(fixed) > _MOST_EXPRESSIONS:
        return False
    whole = _SOMETHING.join(map(re.escape, fixed))
    return re.fullmatch(whole, rendered.strip(), re.DOTALL) is None


def nothing_in(value: Any) -> list[tuple[Path, Any]]:
    """Find empty values inside a dict or list, such as an XCom reference renders to.

    :param value: any value.
    :return: the path to each empty value, and that value.
    """
    if isinstance(value, Mapping):
        parts: Iterable[tuple[str | int, Any]] = ((str(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    else:
        return []
    return [
        found
        for part, item in parts
        for found in (
            [((part,), item)]
            if is_lost(item)
            else [((part, *inner), lost) for inner, lost in nothing_in(item)]
        )
    ]


def without(values: Any, lost: Iterable[Path]) -> Any:
    """Return a dict or list without some of its values.

    :param values: plain data.
    :param lost: paths to the values.
    :return: the rest; data of other types unchanged.
    """
    paths = [path for path in lost if path]
    if isinstance(values, Mapping):
        pairs: list[tuple[Any, Any]] = list(values.items())
    elif isinstance(values, list):
        pairs = list(enumerate(values))
    else:
        return values
    # Keys that are not text were converted to text in the path.
    names = {part: part if isinstance(values, list) else str(part) for part, _ in pairs}
    rest = [
        (part, without(item, [path[1:] for path in paths if path[0] == names[part]]))
        for part, item in pairs
        if (names[part],) not in paths
    ]
    return [item for _, item in rest] if isinstance(values, list) else dict(rest)
