# SPDX-License-Identifier: Apache-2.0
"""JSON from outside is read up to a depth, and no other error than ValueError comes of it."""

from __future__ import annotations

import json

import pytest

from airflow_provider_kling.utils.json_input import MAX_DEPTH, read_json


@pytest.mark.parametrize("text", ["1", '"x"', "[]", '{"a": [1, {"b": null}]}', b'{"a": "\xc3\xa9"}'])
def test_json_is_read(text: str | bytes) -> None:
    assert read_json(text) == json.loads(text)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
@pytest.mark.parametrize(("depth", "fits"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (100_000, False)])
def test_depth_is_limited(opening: str, closing: str, depth: int, fits: bool) -> None:
    text = opening * (depth - 1) + "[]" + closing * (depth - 1)
    if fits:
        assert read_json(text)
    else:
        with pytest.raises(ValueError, match="nested deeper than 100 levels"):
            read_json(text)


@pytest.mark.parametrize("text", ["", "{", b"\xff", "NaN,"])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of the reader or of the decoder
        read_json(text)
