# SPDX-License-Identifier: Apache-2.0
"""Names of files that are made of texts, such as the id of a DAG run."""

from __future__ import annotations

import re

import pytest

from airflow_provider_kling.utils.storage import safe_file_name

LONG = "run-" + "x" * 300


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("\x1234", "\u1234", id="a code of two digits before digits"),
        pytest.param("a/b", "a%2Fb", id="a code as text"),
        pytest.param(LONG, f"{LONG}y", id="long"),
        pytest.param(LONG, safe_file_name(LONG), id="the name of a long one as text"),
        pytest.param("a", "A", id="case"),
    ],
)
def test_no_two_texts_have_one_name(one: str, other: str) -> None:
    names = {safe_file_name(one), safe_file_name(other)}
    assert len(names) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9._~%-]{1,200}", name) for name in names)
