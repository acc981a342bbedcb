# SPDX-License-Identifier: Apache-2.0
"""What the package imports is what it asks to be installed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from scripts.local_airflow import ROOT

PACKAGE = ROOT / "airflow_provider_kling"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# What only the API server has, and what is left out where it is missing.
OPTIONAL = {
    "batch/contact_sheet.py": {"av", "pillow"},
    "hooks/connection.py": {
        "flask_appbuilder",
        "flask-appbuilder",
        "flask_babel",
        "flask-babel",
        "wtforms",
    },
    "media/": {"av", "numpy"},
    "plugins/": {"fastapi", "sqlalchemy"},
}
# Named by their wholes, which allow one version of them each.
PARTS = {"pydantic_core": "pydantic", "starlette": "fastapi"}


def declared(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", each, maxsplit=1)[0].lower() for each in requirements}


def imports(folder: str = "") -> Iterator[tuple[str, str]]:
    """Yield each module of the package with the top-level modules that it imports from elsewhere."""
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in {name.partition(".")[0] for name in names}:
                if name not in sys.stdlib_module_names and name not in ("airflow", PACKAGE.name):
                    yield str(path.relative_to(PACKAGE)), name


def test_every_import_is_declared() -> None:
    known = packages_distributions()
    always = declared(PROJECT["dependencies"])
    emulator = always | declared(PROJECT["optional-dependencies"]["emulator"])
    for module, imported in imports():
        name = PARTS.get(imported, imported)
        allowed = emulator | {"pytest"} if module.startswith("emulator/") else always
        allowed = allowed | next(
            (more for place, more in OPTIONAL.items() if module.startswith(place)), set()
        )
        found = {each.lower() for each in known.get(name, [name])}
        assert found & allowed, f"{module} imports {imported}"
