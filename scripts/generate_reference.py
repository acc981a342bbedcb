# SPDX-License-Identifier: Apache-2.0
"""Write the reference of the operators from the declarations they are derived from.

Each page of ``docs/operators`` begins with words written by hand; all below the mark is generated.
``python -m scripts.generate_reference`` writes the pages, ``--check`` only says whether they are stale.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.endpoint import Endpoint
from airflow_provider_kling.api.host_limits import LIMITS, MEDIA_LIMITS, Limit
from airflow_provider_kling.api.hosts import DIALECTS, Dialect
from airflow_provider_kling.api.pricing import PRICES_OF, estimate_basis, unit_type
from airflow_provider_kling.api.requests.field_types import IMAGE
from airflow_provider_kling.operators._constructor import parse_params, parse_summary
from airflow_provider_kling.operators.account import KlingAccountOperator
from airflow_provider_kling.operators.base import KlingTaskOperator
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.media_check import KlingMediaCheckOperator
from airflow_provider_kling.operators.results import KlingFetchResultOperator, KlingResultSweepOperator
from airflow_provider_kling.operators.usage import KlingUsageOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow_provider_kling.submission.runner import can_look_up
from scripts.legacy_endpoints import LEGACY

from .examples import excerpt
from .generate_stubs import RequestOperator, own_operators, passed_on, write
from .local_airflow import ROOT
from .price_table import price_table
from .readme_tables import BASE_URL, README, endpoints, legacy, with_table
from .reference_fields import Row, media_words, rows

PAGES = ROOT / "docs" / "operators"
BY_SIGNATURE: Mapping[str, tuple[type, ...]] = {
    "results": (KlingFetchResultOperator, KlingResultSweepOperator),
    "batch": (KlingBatchOperator,),
    "media-check": (KlingMediaCheckOperator,),
    "waiting": (KlingTaskSensor,),
    "costs": (KlingUsageOperator,),
}
"""Page of ``docs`` to the operators whose parameters stand at its end."""

FAMILIES = ("video", "video2", "avatar", "image", "solutions", "audio", "library")
MARK = "<!-- Made by `python -m scripts.generate_reference`; change the declarations, not what follows. -->"
_ROLE = re.compile(r":[a-z]+:`")

Table = Iterable[tuple[str, ...]]


def pages() -> dict[Path, str]:
    """Return the text of each page by its path."""
    made = {family: "\n\n".join(_sections(family)) for family in FAMILIES}
    account = (*_example(KlingAccountOperator, "../../"), _by_signature(KlingAccountOperator))
    made["account"] = "\n\n".join(["## KlingAccountOperator", *account])
    made["README"] = "\n\n".join(_overview())
    made |= {f"../{page}": _signatures(operators) for page, operators in BY_SIGNATURE.items()}
    made["../hosts-and-gateways"] = "\n\n".join(_hosts())
    paths = {(PAGES / f"{name}.md").resolve(): text for name, text in made.items()}
    readme = with_table(README.read_text("utf-8"), "endpoints", endpoints(_endpoint_operators()))
    readme = with_table(readme, "legacy", legacy(_endpoint_operators(), f"{BASE_URL}docs/operators/"))
    made_pages = {path: _page(path, text) for path, text in paths.items()}
    costs = (PAGES / "../costs.md").resolve()
    return {README: readme, **made_pages, costs: with_table(made_pages[costs], "prices", price_table())}


def _signatures(shown: Iterable[type]) -> str:
    parts = []
    for operator in shown:
        templated = ", ".join(f"`{name}`" for name in operator.template_fields)  # type: ignore[attr-defined]
        parts += [
            f"### {operator.__name__}",
            *_example(operator, "../"),
            _by_signature(operator),
            f"Templated: {templated}.",
        ]
    return "\n\n".join(parts)


def _page(path: Path, text: str) -> str:
    before = (
        path.read_text("utf-8").partition(MARK)[0].rstrip() if path.exists() else f"# {path.stem.title()}"
    )
    return f"{before}\n\n{MARK}\n\n{text}\n"


def operators(family: str) -> list[type[RequestOperator]]:
    """Return the operators that a module offers, its own first."""
    module = importlib.import_module(f"airflow_provider_kling.operators.{family}")
    # What stands on a page of its own is only importable from here.
    paged = {f"airflow_provider_kling.operators.{name}" for name in FAMILIES}
    return [*own_operators(module), *(item for item in passed_on(module) if item.__module__ not in paged)]


def _endpoint_operators() -> Iterator[tuple[str, type[RequestOperator]]]:
    for family in FAMILIES:
        for operator in operators(family):
            if operator.endpoint.slug in ENDPOINTS:
                yield family, operator


def _sections(family: str) -> Iterator[str]:
    for operator in operators(family):
        endpoint = operator.endpoint
        yield f"## {operator.__name__}"
        yield parse_summary(inspect.getdoc(operator) or "").replace("``", "`")
        yield _facts(operator)
        yield from _example(operator, "../../")
        yield from _notes(endpoint)
        yield _parameters(operator)
        yield from _listed(
            "Rules, checked before anything is paid:", (rule.text for rule in endpoint.request.rules)
        )
        yield from _listed("Warnings:", (hint.text for hint in endpoint.request.warning_rules))
        yield from _listed("Documented more narrowly by single hosts:", _narrower(endpoint))


def _example(operator: type, root: str) -> Iterator[str]:
    """Yield a link to an example; ``docs/conf.py`` shows the statement below it."""
    if part := excerpt(operator.__name__):
        yield f"Example: [{part.file.name}]({root}example_dags/{part.file.name})"


_DONE = {"refuse": "rejects it", "warn": "warns"}


def _hosts() -> Iterator[str]:
    yield "## What hosts document more narrowly"
    rows = [
        (
            f"`{limit.endpoint}`",
            DIALECTS[limit.dialect].title,
            limit.rule.text,
            _DONE[limit.severity],
            limit.source,
        )
        for limit in LIMITS
    ]
    rows += [
        (
            f"`{limit.endpoint}`",
            DIALECTS[limit.dialect].title,
            f"{limit.path} lasts {limit.seconds[0]:g} to {limit.seconds[1]:g} s",
            _DONE["warn"],
            limit.source,
        )
        for limit in MEDIA_LIMITS
    ]
    yield _table(("Endpoint", "Host", "Rule", "What the provider does", "Source"), sorted(rows))
    yield "## Which document describes what"
    by_source = ((endpoint.source, f"`{slug}`") for slug, endpoint in ENDPOINTS.items())
    yield _table(("Source", "Endpoint"), sorted(by_source))


def _facts(operator: type[RequestOperator]) -> str:
    endpoint = operator.endpoint
    if not issubclass(operator, KlingTaskOperator):
        return f"`POST {endpoint.path}`; synchronous. Also has `kling_conn_id`."
    kind = "synchronous" if endpoint.synchronous else "asynchronous"
    return f"`POST {endpoint.path}`; {kind}; result in `{endpoint.result}`. Source: {endpoint.source}."


def _notes(endpoint: Endpoint) -> Iterator[str]:
    """Yield what the request's docstring says after its first paragraph."""
    _, _, notes = (inspect.getdoc(endpoint.request) or "").partition("\n\n")
    if notes:
        yield _ROLE.sub("`", notes).replace("``", "`")


def _parameters(operator: type[RequestOperator]) -> str:
    # What Kling documents is there already, as the operator's own source.
    foreign = (limit for limit in _limits(operator.endpoint) if limit.dialect != "kling")
    hosts = {limit.rule.fields[0]: DIALECTS[limit.dialect].title for limit in foreign}
    own = "Kling" if operator.endpoint.source.startswith("Kling") else operator.endpoint.source
    table = [
        (f"`{row.name}`", row.kind, _without_limit(row), row.default, _sources(own, hosts.get(row.name)))
        for row in rows(operator.endpoint.request)
    ]
    return _table(("Parameter", "Type", "Description", "Default", "Source"), table)


def _without_limit(row: Row) -> str:
    """Return a description without the limit that the column of types has already."""
    limit = re.search(r"at most [\d,]+ characters", row.kind)
    return row.words.replace(f"; {limit[0]}", "") if limit else row.words


def _sources(own: str, host: str | None) -> str:
    return own if host is None else f"{own}, {host}"


def _limits(endpoint: Endpoint) -> Iterator[Limit]:
    return (limit for limit in LIMITS if limit.endpoint == endpoint.slug)


def _narrower(endpoint: Endpoint) -> Iterator[str]:
    for limit in _limits(endpoint):
        verb = "rejected" if limit.severity == "refuse" else "warning"
        yield f"{DIALECTS[limit.dialect].title}: {limit.rule.text} ({limit.source}; {verb})"
    for media in MEDIA_LIMITS:
        if media.endpoint == endpoint.slug:
            shortest, longest = media.seconds
            yield (
                f"{DIALECTS[media.dialect].title}: {media.path} lasts {shortest:g} to {longest:g} s"
                f" ({media.source}; warning)"
            )


def _overview() -> Iterator[str]:
    yield "## Parameters of every job operator"
    yield _by_signature(KlingTaskOperator)
    yield "## Endpoints"
    yield _table(
        (
            "Endpoint",
            "Operator",
            "Kind",
            "Result",
            "If the response is lost",
            f"Estimate ({PRICES_OF}), in units",
        ),
        [
            _endpoint_row(operator, family)
            for family, operator in _endpoint_operators()
            if operator.endpoint.slug not in LEGACY
        ],
    )
    yield "## Legacy endpoints"
    yield "They remain for hosts that still serve them; new DAGs use the last column."
    yield legacy(_endpoint_operators(), "")
    yield "## Images"
    yield f"Wherever a table links *image* to this section: {media_words(IMAGE)}."
    yield "## Hosts"
    yield _table(
        (
            "Dialect",
            "Host",
            "Path before `/v1`",
            "Lists jobs",
            "Looks jobs up by external id",
            "Account calls",
        ),
        [
            (
                f"`{it.name}`",
                it.title,
                f"`{it.base_path}`" if it.base_path else "",
                *_ticks(it.supports_list, it.supports_lookup, it.supports_account),
            )
            for it in DIALECTS.values()
        ],
    )


def _endpoint_row(operator: type[RequestOperator], family: str) -> tuple[str, ...]:
    endpoint, name = operator.endpoint, operator.__name__
    words = estimate_basis(endpoint)
    return (
        f"`{endpoint.slug}`",
        f"[{name}]({family}.md#{name.lower()})",
        "synchronous" if endpoint.synchronous else "asynchronous",
        f"`{endpoint.result}`",
        _lost(endpoint),
        words if words == "unknown" else f"{words} ({unit_type(endpoint)})",
    )


def _lost(endpoint: Endpoint) -> str:
    """Return what happens at Kling, and at the hosts where something else happens."""
    has = [it for it in DIALECTS.values() if it.supports_v2 or not endpoint.tasks_path]
    happens = {it.title: _lost_at(endpoint, it) for it in has}
    usual = happens[DIALECTS["kling"].title]
    others = [f"at {title}: {what}" for title, what in happens.items() if what != usual]
    return "; ".join([usual, *others])


def _lost_at(endpoint: Endpoint, dialect: Dialect) -> str:
    if not can_look_up(endpoint, dialect.supports_lookup):
        return "fails"
    return "looked up" if endpoint.absence_proves else "looked up, else fails"


def _by_signature(operator: type) -> str:
    described = parse_params(inspect.getdoc(operator) or "")
    given = inspect.signature(operator).parameters
    table = [
        (f"`{name}`", f"`{given[name].annotation}`", words, _shown(name, given[name].default))
        for name, words in described.items()
    ]
    return _table(("Parameter", "Type", "Description", "Default"), table)


def _shown(name: str, default: object) -> str:
    if default is inspect.Parameter.empty:
        return "**required**"
    if name == "deferrable":
        return "`[operators] default_deferrable`"
    if default is None:
        return ""
    return f"`{default}`" if str(default) else '`""`'


def _ticks(*flags: bool) -> tuple[str, ...]:
    return tuple("yes" if flag else "no" for flag in flags)


def _listed(title: str, entries: Iterable[str]) -> Iterator[str]:
    if found := [f"* {_plain(entry)}" for entry in entries]:
        yield "\n".join([title, "", *found])


def _table(head: tuple[str, ...], body: Table) -> str:
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)


def _plain(text: str) -> str:
    """Keep what stands in a cell or an entry from being read as Markdown or HTML."""
    return (
        text.replace("|", "\\|")
        .replace("<<<", "&lt;&lt;&lt;")
        .replace(">>>", "&gt;&gt;&gt;")
        .replace("``", "`")
    )


if __name__ == "__main__":
    sys.exit(write(pages, sys.argv[1:]))
