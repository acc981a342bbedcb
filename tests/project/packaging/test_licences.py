# SPDX-License-Identifier: Apache-2.0
"""What the package depends on may be used by anybody: permissive licences only."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata, requires

import pytest
from packaging.requirements import Requirement

# A name of a licence as it stands in License-Expression, in License or at the end of a classifier.
PERMISSIVE = re.compile(
    r"Apache([- ](Software )?License)?([ ,-]*(Version )?2(\.0)?)?"
    r"|MIT([- ]License|-CMU)?|HPND|ISC|PSF-2\.0|Zlib|CC0-1\.0"
    r"|0BSD|((new|modified|\d-clause) )?BSD([- ]\d-Clause)?( License)?",
    flags=re.I,
)
OURS = [Requirement(line) for line in requires("airflow-provider-kling") or []]
SHIPPED = sorted(
    {
        each.name
        for each in OURS
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("emulator", "s3"))
    }
)


def licences(name: str) -> list[str]:
    """Return the names of a package's licences, as its author gave them."""
    about = metadata(name)
    if expression := about.get("License-Expression"):
        return re.split(r"\s+(?:AND|OR)\s+", expression)
    classified = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    return [name for name in classified if name != "OSI Approved"] or [about.get("License") or "unknown"]


def test_there_is_something_to_look_at() -> None:
    assert {"apache-airflow", "pydantic", "fastapi", "s3fs"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_dependency_has_a_permissive_licence(name: str) -> None:
    try:
        found = licences(name)
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    strange = [each for each in found if not PERMISSIVE.fullmatch(each.strip("() "))]
    assert not strange, f"{name}: {found}"


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "AGPL-3.0", "unknown", "BUSL-1.1", "LGPL-2.1-or-later"])
def test_other_licences_are_noticed(licence: str) -> None:
    assert not PERMISSIVE.fullmatch(licence)
