# SPDX-License-Identifier: Apache-2.0
"""JSON from outside is read up to a depth, and no other error than ValueError comes of it."""

from __future__ import annotations

import json

import pytest

from airflow_provider_kling.utils.json_input import MAX_DEPTH, read_json, read_response_json


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


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": "\u654f\u611f"}'.encode("gb18030"), {"a": "\u654f\u611f"}),
        ('{"a": "\xe4"}'.encode("latin-1"), {"a": "\ufffd"}),
        ('{"a": 1}'.encode("utf-16"), {"a": 1}),
        (json.dumps(json.dumps({"a": 1})).encode(), {"a": 1}),
        (b'"words"', "words"),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
    ids=["BOM", "GBK", "Latin-1", "UTF-16", "as text", "text", "a key twice"],
)
def test_a_response_is_read_in_spite_of_its_form(body: bytes, value: object) -> None:
    assert read_response_json(body) == value


def test_a_number_of_thousands_of_digits_hides_nothing_else() -> None:
    body = b'{"task_id": 870, "created_at": ' + b"9" * 5000 + b"}"
    assert read_response_json(body) == {"task_id": 870, "created_at": None}


@pytest.mark.parametrize("depth", [MAX_DEPTH, 400])
def test_one_deep_field_hides_no_other(depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    response = read_response_json(f'{{"task_id": "8", "list": [{deep}], "deep": {deep}}}')
    assert response["task_id"] == "8"
    assert read_json(json.dumps(response)) == response, "what is left is not too deep"


@pytest.mark.parametrize("body", [b"", b'{"task_id": "8', b'{"a": 1} {"b": 2}', b"<html>", b"[" * 100_000])
def test_what_is_no_whole_response_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of the reader or of the decoder
        read_response_json(body)
