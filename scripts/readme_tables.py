# SPDX-License-Identifier: Apache-2.0
"""The tables that programs write into the README."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from airflow_provider_kling.api.hosts import DIALECTS
from airflow_provider_kling.api.models import MODELS, active_models
from scripts.legacy_endpoints import LEGACY, LEGACY_FIELDS

from .generate_stubs import RequestOperator
from .local_airflow import ROOT

README = ROOT / "README.md"
RAN = ROOT / "tests" / "airflow" / "ran.json"
BASE_URL = "https://github.com/airflow-provider-kling/airflow-provider-kling/blob/main/"
"""Prefix of links: a package index shows the README without the repository around it."""
_MOST_MODELS = 3


def with_table(text: str, name: str, table: str) -> str:
    """Return a page with what stands between a table's two marks replaced.

    :param name: as in ``<!-- NAME begins -->`` and ``<!-- NAME ends -->``.
    :raises ValueError: the page has no such marks.
    """
    begin, end = f"<!-- {name} begins -->", f"<!-- {name} ends -->"
    made, count = re.subn(
        f"{re.escape(begin)}.*{re.escape(end)}",
        lambda _: f"{begin}\n{table.strip()}\n{end}",
        text,
        flags=re.S,
    )
    if count != 1:
        raise ValueError(f"{begin} ... {end} must be there once; it is there {count} times")
    return made


def endpoints(operators: Iterable[tuple[str, type[RequestOperator]]]) -> str:
    """Return the table of endpoints.

    :param operators: module and operator, in the order of the table.
    """
    ran = json.loads(RAN.read_text("utf-8"))
    lines = ["| Endpoint | Operator | Models | Hosts emulated in tests |", "|---|---|---|---|"]
    for family, operator in operators:
        slug, name = operator.endpoint.slug, operator.__name__
        if slug in LEGACY:
            continue
        page = f"{BASE_URL}docs/operators/{family}.md#{name.lower()}"
        lines.append(f"| `{slug}` | [{name}]({page}) | {_models(slug)} | {_hosts(slug, ran)} |")
    return "\n".join(lines)


def legacy(operators: Iterable[tuple[str, type[RequestOperator]]], folder: str) -> str:
    """Return the table of endpoints and fields that are legacy.

    :param operators: module and operator, in the order of the table.
    :param folder: where the operators' pages are, as seen from the table's page.
    """
    lines = ["| Endpoint | Operator | Why | Use instead |", "|---|---|---|---|"]
    for family, operator in operators:
        slug, name = operator.endpoint.slug, operator.__name__
        if slug in LEGACY:
            why, instead = LEGACY[slug]
            lines.append(f"| `{slug}` | [{name}]({folder}{family}.md#{name.lower()}) | {why} | {instead} |")
    lines += [f"| {fields} |  | {why} | {instead} |" for fields, (why, instead) in LEGACY_FIELDS.items()]
    return "\n".join(lines)


def _models(slug: str) -> str:
    names = active_models(slug) if slug in MODELS else []
    shown = ", ".join(names[:_MOST_MODELS])
    return f"{shown} and {len(names) - _MOST_MODELS} more" if len(names) > _MOST_MODELS else shown


def _hosts(slug: str, ran: Mapping[str, list[str]]) -> str:
    return ", ".join(DIALECTS[name].title.removeprefix("a ") for name, slugs in ran.items() if slug in slugs)
