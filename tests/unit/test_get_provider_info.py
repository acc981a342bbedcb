# SPDX-License-Identifier: Apache-2.0
"""The metadata of the package for Airflow is correct and complete."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import distribution, entry_points
from pathlib import Path

import airflow
import jsonschema
import pytest
from packaging.version import Version

import airflow_provider_kling
from airflow_provider_kling.api.hosts import DEFAULT_HOST, DIALECTS
from airflow_provider_kling.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR, get_provider_info
from airflow_provider_kling.hooks.connection import ALLOWED_EXTRAS, ui_field_behaviour
from airflow_provider_kling.version_compat import BaseOperatorLink

PACKAGE = Path(airflow_provider_kling.__file__).parent
INFO = get_provider_info()
(CONNECTION_TYPE,) = INFO["connection-types"]


NEEDS_AIRFLOW_3 = "airflow_provider_kling.triggers.events"


def listed(kind: str) -> set[str]:
    return {module for entry in INFO[kind] for module in entry["python-modules"]}


def test_it_matches_airflows_schema() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


def test_it_has_what_the_astronomer_registry_requires() -> None:
    """See the guidelines of the repository astronomer/airflow-provider-sample."""
    metadata = distribution("airflow-provider-kling").metadata
    assert INFO["versions"] == [airflow_provider_kling.__version__]
    assert INFO["name"]
    assert INFO["description"]
    assert {"Framework :: Apache Airflow", "Framework :: Apache Airflow :: Provider"} <= set(
        metadata.get_all("Classifier") or ()
    )
    assert all(issubclass(load(link), BaseOperatorLink) for link in INFO["extra-links"])
    readme = (PACKAGE.parent / "README.md").read_text("utf-8")
    for heading in ("Connect", "What is included", "Tested with"):
        assert f"\n## {heading}\n" in readme
    assert "CONTRIBUTING.md" in readme
    for module in sorted(listed("operators") | listed("sensors") | listed("hooks")):
        assert import_module(module).__doc__, module


def load(name: str) -> type:
    module, _, attribute = name.rpartition(".")
    found = getattr(import_module(module), attribute)
    assert isinstance(found, type)
    return found


def test_the_entry_point_leads_to_it() -> None:
    (entry,) = distribution("airflow-provider-kling").entry_points.select(group="apache_airflow_provider")
    assert entry.load()() == INFO
    assert INFO["package-name"] == "airflow-provider-kling"
    assert entry in entry_points(group="apache_airflow_provider")


def for_users(module: str, kind: str) -> list[type]:
    """Classes of a module that people use: those which nothing in the package builds on."""
    suffix = kind.removesuffix("s").capitalize()
    return [
        cls
        for name, cls in vars(import_module(module)).items()
        if isinstance(cls, type) and cls.__module__ == module and name.endswith(suffix)
        if not any(sub.__module__.startswith("airflow_provider_kling.") for sub in cls.__subclasses__())
    ]


def passed_on(cls: type, modules: list[str]) -> bool:
    """Whether another module hands a class on, and so is the one to import it from."""
    others = (import_module(module) for module in modules if module != cls.__module__)
    return any(vars(other).get(cls.__name__) is cls for other in others)


@pytest.mark.parametrize("kind", ["operators", "sensors", "triggers", "hooks"])
def test_it_lists_exactly_the_modules_that_people_import_from(kind: str) -> None:
    modules = [f"airflow_provider_kling.{kind}.{path.stem}" for path in (PACKAGE / kind).glob("[!_]*.py")]
    if Version(airflow.__version__) < Version("3"):
        modules = [module for module in modules if module != NEEDS_AIRFLOW_3]
    for module in modules:
        import_module(module)
    own = {module: for_users(module, kind) for module in modules}
    assert listed(kind) - {NEEDS_AIRFLOW_3} <= {*modules}
    assert listed(kind) & {*modules} == {
        module for module, classes in own.items() if any(not passed_on(cls, modules) for cls in classes)
    }


def test_the_hook_has_the_connection_type_that_is_announced() -> None:
    module, _, name = CONNECTION_TYPE["hook-class-name"].rpartition(".")
    hook = getattr(import_module(module), name)
    assert hook.conn_type == CONNECTION_TYPE["connection-type"] == "kling"
    assert hook.hook_name == CONNECTION_TYPE["hook-name"] == "Kling AI"


def test_the_form_offers_exactly_the_extras_that_the_hook_reads() -> None:
    assert sorted(CONN_FIELDS) == sorted(ALLOWED_EXTRAS)
    assert CONN_FIELDS["dialect"]["schema"]["enum"] == list(DIALECTS)
    assert UI_FIELD_BEHAVIOUR["placeholders"]["host"] == DEFAULT_HOST


def test_the_form_shows_the_port_and_calls_the_fields_by_what_they_hold() -> None:
    assert UI_FIELD_BEHAVIOUR["hidden-fields"] == ["schema"]
    assert list(UI_FIELD_BEHAVIOUR["relabeling"].items())[:2] == [
        ("password", "API key"),
        ("login", "Access Key"),
    ]
    # Airflow's form cuts off what is wider.
    assert all(len(text) <= 24 for text in UI_FIELD_BEHAVIOUR["relabeling"].values())


def test_no_field_of_the_form_is_ticked_by_mistake() -> None:
    kinds = {name: field["schema"]["type"] for name, field in CONN_FIELDS.items()}
    assert all("null" in kind and "boolean" not in kind for kind in kinds.values()), kinds


def test_the_older_form_behaves_like_the_newer_one() -> None:
    old = ui_field_behaviour()
    schema_file = Path(airflow.__file__).parent / "customized_form_field_behaviours.schema.json"
    jsonschema.validate(old, json.loads(schema_file.read_text()))
    assert old == {
        "hidden_fields": UI_FIELD_BEHAVIOUR["hidden-fields"],
        "relabeling": UI_FIELD_BEHAVIOUR["relabeling"],
        "placeholders": UI_FIELD_BEHAVIOUR["placeholders"],
    }


def test_discovery_imports_nothing_else() -> None:
    # Airflow asks for the provider's info while it still reads its own configuration.
    code = "import sys, airflow_provider_kling as p; p.get_provider_info(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = {"airflow", "pydantic", "aiohttp", "requests", "jwt", "airflow_provider_kling.api"}
    assert not heavy & set(loaded.split())


# Each command of Airflow's alone takes seconds to start.
COMMANDS = """
import json, sys
from airflow.__main__ import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["airflow", *arguments, "--output", "json"]
    main()
    print("END OF A COMMAND", flush=True)
"""


def test_airflow_lists_the_provider() -> None:
    commands = {
        ("providers", "list"): ["airflow-provider-kling", airflow_provider_kling.__version__],
        ("providers", "get", "airflow-provider-kling", "--full"): ["hook-class-name"],
        ("providers", "hooks"): ["Kling AI", "airflow_provider_kling.hooks.kling.KlingHook"],
    }
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(list(commands))],
        capture_output=True,
        text=True,
        check=True,
    )
    *outputs, end = done.stdout.split("END OF A COMMAND\n")
    assert not end
    for (command, expected), output in zip(commands.items(), outputs, strict=True):
        for text in expected:
            assert text in output, command
