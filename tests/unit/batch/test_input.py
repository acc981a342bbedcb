# SPDX-License-Identifier: Apache-2.0
"""Rows are read from all supported sources, one by one, and their keys survive changes of the list."""

from __future__ import annotations

import codecs
import csv
import enum
import gzip
import io
import json
import tracemalloc
import types
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_kling.api.templating import rendered_text_problem
from airflow_provider_kling.batch.input import RequestRow, redacted_rows, row_reader
from airflow_provider_kling.exceptions import KlingRequestInvalid, KlingServerError
from airflow_provider_kling.utils.storage import resolve_path
from tests.unit.batch.conftest import SLUG
from tests.unit.results.conftest import Shelf

VALUES = [{"prompt": "a cat", "n": 2}, {"prompt": "a dog", "image": "s3://bucket/dog.jpg"}]
JSONL = "".join(f"{json.dumps(row)}\n" for row in VALUES)


def read(requests: Any, extra: Any = None) -> list[RequestRow]:
    return list(row_reader(requests, extra)())


def values_of(requests: Any) -> list[Any]:
    return [dict(row.values) for row in read(requests)]


def put(where: str, content: bytes) -> str:
    place = resolve_path(where)
    place.fs.makedirs(place.path.rpartition("/")[0], exist_ok=True)
    place.fs.pipe_file(place.path, content)
    return where


@pytest.mark.parametrize("kind", [list, tuple, iter, json.dumps, lambda rows: f"\n {json.dumps(rows)} \n"])
def test_a_list_of_rows_may_have_many_forms(kind: Any) -> None:
    assert values_of(kind(VALUES)) == VALUES


@pytest.mark.parametrize("kind", [dict, types.MappingProxyType, json.dumps], ids=["dict", "mapping", "text"])
def test_one_dict_is_a_batch_of_one(kind: Any) -> None:
    """An upstream task that returned one object, as a mapped group of one does."""
    assert values_of(kind(VALUES[1])) == [VALUES[1]]
    assert read(kind(VALUES[1]))[0].key == read([VALUES[1]])[0].key


def test_rows_of_an_iterator_can_be_read_several_times() -> None:
    read_rows = row_reader(row for row in VALUES)
    assert [row.key for row in read_rows()] == [row.key for row in read_rows()]
    assert len(list(read_rows())) == 2


def test_a_file_may_be_on_any_storage(shelf: Shelf) -> None:
    assert values_of(put(f"{shelf.uri}/rows.jsonl", JSONL.encode())) == VALUES
    text = "prompt,n,image\na cat,2,\na dog,,s3://bucket/dog.jpg\n"
    (cat, dog) = values_of(put(f"{shelf.uri}/rows.csv", text.encode()))
    assert cat == {"prompt": "a cat", "n": "2"}
    assert dog == VALUES[1]


def test_an_object_storage_path_uses_its_connection(s3: Any) -> None:
    s3.put("rows.jsonl", JSONL.encode())
    path = ObjectStoragePath("s3://studio/rows.jsonl", conn_id="kling_test_s3")
    assert values_of(path) == VALUES
    assert values_of([{"image": path}]) == [{"image": "s3://kling_test_s3@studio/rows.jsonl"}]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbf" + b'{"prompt": "a"}\n', [{"prompt": "a"}]),
        (b'\n{"prompt": "a"}\r\n\n   \n{"prompt": "b"}', [{"prompt": "a"}, {"prompt": "b"}]),
        ('{"prompt": "ein\\u2028Fluß ü"}\n'.encode(), [{"prompt": "ein\u2028Fluß ü"}]),
        (b"", []),
    ],
    ids=["byte order mark", "empty lines", "beyond ASCII", "empty"],
)
def test_jsonl_files_of_other_programs_are_read(tmp_path: Path, content: bytes, expected: Any) -> None:
    (tmp_path / "rows.ndjson").write_bytes(content)
    assert values_of(tmp_path / "rows.ndjson") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('\ufeffprompt , n\n"a, b",2\n', [{"prompt": "a, b", "n": "2"}]),
        ('prompt\n"two\nlines"\n\n', [{"prompt": "two\nlines"}]),
        ("prompt,mode\na\n", [{"prompt": "a"}]),
        ('prompt,image_list\na,"[{""image"": ""x""}]"\n', [{"prompt": "a", "image_list": [{"image": "x"}]}]),
        ("prompt\n[door opens] a man\n", [{"prompt": "[door opens] a man"}]),
        (f"image\n{'A' * 400_000}\n", [{"image": "A" * 400_000}]),
        ("", []),
    ],
    ids=["spaces and quotes", "line breaks", "short row", "json cell", "no json cell", "long cell", "empty"],
)
def test_csv_files_of_other_programs_are_read(tmp_path: Path, text: str, expected: Any) -> None:
    (tmp_path / "rows.csv").write_text(text)
    assert values_of(str(tmp_path / "rows.csv")) == expected


def test_unreadable_rows_have_an_error_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a"}\n{"prompt": \n[1]\n{"prompt": "b"}\n')
    (tmp_path / "rows.csv").write_text("prompt\na\nb,c\nd\n")
    rows = read(tmp_path / "rows.jsonl")
    assert [(row.number, dict(row.values), bool(row.error)) for row in rows] == [
        (1, {"prompt": "a"}, False),
        (2, {}, True),
        (3, {}, True),
        (4, {"prompt": "b"}, False),
    ]
    assert "no JSON:" in str(rows[1].error)
    assert "no JSON object" in str(rows[2].error)
    assert [row.error for row in read(tmp_path / "rows.csv")] == [
        None,
        "it has 2 cells, and the header has 1 names",
        None,
    ]
    (_, wrong) = read([{"prompt": "a"}, "b"])
    assert wrong.error == "it is a str, and must be a dict"
    assert len({row.key for row in rows}) == 4


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        (7, "is a int; it must be a list of dicts, or the path or URL of a file that ends in"),
        ({}, "is empty"),
        ({"task_id": "8", "endpoint": SLUG, "images": []}, "is the result of a job"),
        ('{"prompt"', "is text that begins with '{' but is no JSON"),
        (None, "is a NoneType"),
        ("", "is ''"),
        ("s3://bucket/rows.parquet", "is 's3://bucket/rows.parquet'"),
        ("[{'prompt': 'a'}]", "a template needs `| tojson`"),
        ("https://x.example/rows?signature=abc", "is 'https://x.example/rows'"),
    ],
)
def test_a_value_without_rows_is_refused_with_its_type(requests: Any, said: str) -> None:
    with pytest.raises(KlingRequestInvalid, match="No job was made") as refusal:
        row_reader(requests)
    assert said in str(refusal.value)
    assert "abc" not in str(refusal.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_file_is_read_in_the_encoding_of_its_byte_order_mark(
    shelf: Shelf, encoding: str, suffix: str
) -> None:
    text = {"csv": "prompt\r\nein Boot, groß\r\n", "jsonl": '{"prompt": "ein Boot, groß"}\n'}[suffix]
    text = text.replace("ein Boot, groß", '"ein Boot, groß"') if suffix == "csv" else text
    path = put(f"{shelf.uri}/{encoding}.{suffix}", text.encode(encoding))
    assert values_of(path) == [{"prompt": "ein Boot, groß"}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("prompt\na\n".encode("utf-16-le"), "UTF-16 or UTF-32 without a byte order mark; save it as UTF-8"),
        ("prompt\na\n".encode("utf-16-be"), "UTF-16 or UTF-32 without a byte order mark; save it as UTF-8"),
        ("prompt\na\n".encode("utf-32-be"), "UTF-16 or UTF-32 without a byte order mark; save it as UTF-8"),
        ("prompt\nstraße\n".encode("latin-1"), "it is no UTF-8 text; save it as UTF-8"),
        (codecs.BOM_UTF16_LE + b"p\0r\0o", "it is no UTF-8 text; save it as UTF-8"),
        (gzip.compress(b"prompt\na\n"), "it is compressed, or a spreadsheet; save it as plain UTF-8 text"),
        (b"PK\x03\x04\x14\0\x06\0", "it is compressed, or a spreadsheet; save it as plain UTF-8 text"),
    ],
    ids=["utf-16-le", "utf-16-be", "utf-32-be", "latin-1", "cut utf-16", "gzip", "spreadsheet"],
)
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_file_in_an_unsupported_encoding_is_refused(
    tmp_path: Path, content: bytes, words: str, suffix: str
) -> None:
    (tmp_path / f"rows.{suffix}").write_bytes(content)
    with pytest.raises(KlingRequestInvalid, match=words):
        read(str(tmp_path / f"rows.{suffix}"))


def test_a_missing_or_binary_file_is_refused(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "latin.csv").write_bytes("prompt\nstraße\n".encode("latin-1"))
    for where, said in (
        (str(tmp_path / "none.jsonl"), "does not exist"),
        (s3.uri("none.jsonl"), "does not exist"),
        (str(tmp_path / "latin.csv"), "UTF-8"),
        ("nowhere://bucket/rows.csv", "cannot be read"),
    ):
        with pytest.raises(KlingRequestInvalid, match=said) as refusal:
            read(where)
        assert where in str(refusal.value)


def test_an_unreachable_storage_raises_a_retryable_error(s3: Any) -> None:
    with pytest.raises(KlingServerError, match="cannot be read now"):
        read(s3.uri("rows.jsonl", "kling_test_s3_down"))


def test_the_key_of_a_row_does_not_depend_on_its_position() -> None:
    first, second = read(VALUES)
    assert [row.key for row in read([{"prompt": "new"}, *reversed(VALUES)])][1:] == [second.key, first.key]
    assert read([{"n": 2, "prompt": "a cat"}])[0].key == first.key


def test_another_value_or_extra_body_gives_another_key() -> None:
    keys = {
        read([{"prompt": "a"}])[0].key,
        read([{"prompt": "b"}])[0].key,
        read([{"prompt": "a", "n": 2}])[0].key,
        read([{"prompt": "a"}], {"seed": 1})[0].key,
        read([{"prompt": "a"}], {"seed": 2})[0].key,
    }
    assert len(keys) == 5
    assert read([{"prompt": "a"}], {})[0].key == read([{"prompt": "a"}])[0].key


def test_equal_rows_have_different_keys() -> None:
    rows = read([VALUES[0], VALUES[1], VALUES[0], VALUES[0]])
    assert len({row.key for row in rows}) == 4


def test_another_signature_of_a_url_gives_the_same_key() -> None:
    def signed(signature: str) -> str:
        query = f"X-Amz-Date=20261120T{signature}Z&X-Amz-Signature={signature}"
        return read([{"image": f"https://bucket.example/a.jpg?{query}"}])[0].key

    assert signed("010101") == signed("020202")
    other = read([{"image": "https://bucket.example/b.jpg?X-Amz-Signature=010101"}])[0].key
    assert other != signed("010101")


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 1)), max_size=8), st.randoms())
def test_the_keys_of_a_list_do_not_depend_on_its_order(values: list[Any], random: Any) -> None:
    moved = values[:]
    random.shuffle(moved)
    assert sorted(row.key for row in read(values)) == sorted(row.key for row in read(moved))
    assert len({row.key for row in read(values)}) == len(values)


# The words that stand for no value are refused, which another test holds.
NO_VALUES = {"none", "nan", "null", "nat", "<na>", "n/a", "#n/a"}
TEXT = st.text(st.characters(codec="utf-8"), min_size=1).filter(
    lambda text: text.strip().lower() not in NO_VALUES and rendered_text_problem("prompt", text) is None
)


@given(st.lists(st.dictionaries(st.sampled_from(["prompt", "mode"]), TEXT), max_size=6))
@settings(deadline=None)
def test_any_text_in_csv_and_jsonl_is_read_unchanged(values: list[dict[str, str]]) -> None:
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in values)
    assert values_of(put("memory://rows/rows.jsonl", lines.encode())) == values
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, ["prompt", "mode"])
    writer.writeheader()
    writer.writerows(values)
    read_back = values_of(put("memory://rows/rows.csv", stream.getvalue().encode()))
    # A CSV has no difference between an empty row and none, and reads JSON where it stands.
    expected = [row for row in values if row]
    assert [set(row) for row in read_back] == [set(row) for row in expected]
    for row, wanted in zip(read_back, expected, strict=True):
        assert all(row[name] == text or json.loads(text) == row[name] for name, text in wanted.items())


def test_a_large_file_is_not_loaded_into_memory(tmp_path: Path) -> None:
    line = json.dumps({"image": "A" * 500_000})
    with (tmp_path / "rows.jsonl").open("w") as file:
        file.writelines(f"{line}\n" for _ in range(200))
    read_rows = row_reader(tmp_path / "rows.jsonl")
    tracemalloc.start()
    try:
        assert sum(1 for _ in _dropped(read_rows())) == 200
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000, f"{peak} bytes of the file's 100 MB"


def _dropped(rows: Iterator[RequestRow]) -> Iterator[int]:
    for row in rows:
        yield row.number


def test_the_rendered_field_has_few_rows_without_images_and_signatures() -> None:
    image = "/9j/" + "A" * 4000
    rows = [{"image": image, "video": "https://x.example/a?sig=secret"}] * 12
    seen = redacted_rows(rows)
    assert len(seen) == 6
    assert seen[-1] == "... and 7 more rows"
    assert "secret" not in str(seen)
    assert image not in str(seen)
    assert len(str(seen)) < 2000
    assert redacted_rows(VALUES) == VALUES
    assert redacted_rows("s3://bucket/rows.jsonl") == "s3://bucket/rows.jsonl"
    assert image not in redacted_rows(json.dumps(rows))
    assert redacted_rows(iter(rows)) == "<list_iterator>"
    assert redacted_rows(Path("/a/rows.csv")) == "/a/rows.csv"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('prompt,n\na,1\n"b,2\nc,3\n', [None, "is a quote closed"]),
        ('prompt,n\na,1\n"b"x,2\nc,3\n', [None, "no CSV", None]),
        ("prompt,prompt\na,b\n", ["prompt more than once"]),
        ("prompt,n\na,1\nprompt,n\nb,2\n", [None, "repeats the header", None]),
        ("prompt,n\na,None\nb,nan\nc,NaN\nnull,1\nd,\n", ["'None'", "'nan'", "'NaN'", "'null'", None]),
        ("prompt,n\nNone of them smiles,1\n", [None]),
        ("prompt, n\na,1\n Prompt,N\nb,2\n", [None, "repeats the header", None]),
        ("prompt,,n\na,x,1\nb,,2\nc, ,2\n", ["column 2 has a value", None, None]),
    ],
    ids=[
        *("open quote", "text after a quote", "name twice", "header again", "no value", "word in a prompt"),
        *("header in other letters", "no name"),
    ],
)
def test_an_ambiguous_csv_row_has_an_error(tmp_path: Path, text: str, faults: list[str | None]) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(text)
    found = list(row_reader(str(file))())
    assert [row.number for row in found] == list(range(1, len(faults) + 1))
    for row, fault in zip(found, faults, strict=True):
        assert (row.error is None) if fault is None else (fault in str(row.error)), row


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_rows_of_a_file_have_their_lines(tmp_path: Path, end: str, encoding: str) -> None:
    jsonl, table = tmp_path / "rows.jsonl", tmp_path / "rows.csv"
    jsonl.write_text(
        "\n".join(("", '{"prompt": "a"}', " ", "", "# b", '{"prompt": "c"}')), encoding, newline=end
    )
    table.write_text('prompt,n\n\n"two\nlines",1\n\nb,c,d\n"e,1\nf', encoding, newline=end)
    assert [(row.title, bool(row.error)) for row in read(jsonl)] == [
        ("Row 1 (line 2)", False),
        ("Row 2 (line 5)", True),
        ("Row 3 (line 6)", False),
    ]
    assert [(row.title, bool(row.error)) for row in read(table)] == [
        ("Row 1 (line 3)", False),
        ("Row 2 (line 6)", True),
        ("Row 3 (line 7)", True),
    ]
    assert [row.title for row in read([{"prompt": "a"}])] == ["Row 1"]


@pytest.mark.parametrize(
    ("cell", "where"),
    [
        (b"ein Boot, gro\xdf", (13, "0xdf")),
        ("\u20ac".encode()[:2], (0, "0xe2")),
        ("\U0001f6a2 ".encode() + b"\xff\xfe", (5, "0xff")),
    ],
    ids=["Latin-1", "cut character", "beyond the BMP"],
)
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["no mark", "mark"])
@pytest.mark.parametrize("count", [0, 7, 90_000], ids=["first line", "few lines", "several blocks"])
def test_a_byte_that_is_no_utf8_is_reported_with_its_line(
    tmp_path: Path, cell: bytes, where: tuple[int, str], mark: bytes, count: int
) -> None:
    """The decoder's own position counts from the last block that was read."""
    before = mark + '{"prompt": "\u20ac"}\r\n'.encode() * count + b'{"prompt": "'
    path = put(str(tmp_path / "rows.jsonl"), before + cell + b'"}\n{"prompt": "last"}\n')
    at, value = where
    words = rf"line {count + 1} has the byte {value}, byte {len(before) + at + 1} of the file"
    with pytest.raises(KlingRequestInvalid, match=words):
        read(path)


def test_bytes_that_are_no_utf16_are_reported_with_their_line(tmp_path: Path) -> None:
    text = '{"prompt": "a"}\n'.encode("utf-16-le")
    half_pair = "\U0001f6a2".encode("utf-16-le")[:2]
    content = codecs.BOM_UTF16_LE + text * 3 + half_pair + text
    with pytest.raises(KlingRequestInvalid, match=r"line 4 has the byte 0x3d, byte 99 of the file"):
        read(put(str(tmp_path / "rows.jsonl"), content))


def test_a_line_with_a_duplicate_key_has_an_error(shelf: Shelf) -> None:
    rows = read(put(f"{shelf.uri}/twice.jsonl", b'{"prompt": "a", "prompt": "b"}\n{"prompt": "c"}\n'))
    assert "'prompt' more than once" in (rows[0].error or "")
    assert rows[1].error is None


@pytest.mark.parametrize("gone", [None, "", "None", "\n None\n", " ", "\u200b"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_row_with_an_empty_prompt_has_an_error(gone: Any, deep: bool) -> None:
    row = {"multi_prompt": [{"index": 1, "prompt": gone}]} if deep else {"image": "a.png", "prompt": gone}
    good, bad = read([{"prompt": "a cat"}, row])
    assert good.error is None
    assert f"{'multi_prompt[0].' if deep else ''}prompt is {gone!r}" in (bad.error or "")


def test_a_row_with_the_prompt_none_has_an_error(shelf: Shelf) -> None:
    rows = read(put(f"{shelf.uri}/none.jsonl", b'{"prompt": "None"}\n{"image": "a.png", "prompt": null}\n'))
    assert "prompt is 'None'" in (rows[0].error or "")
    assert rows[1].error is None


OBJECT = "<generator object words at 0x7f12ab34cd56>"
RESULT = str({"task_id": "8", "endpoint": SLUG, "images": [{"url": "https://a.example/b.png"}]})


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        pytest.param({"prompt": OBJECT}, "prompt gives an object, not text", id="object"),
        pytest.param({"prompt": "a", "image": OBJECT}, "image gives an object, not text", id="object file"),
        pytest.param({"prompt": RESULT}, "prompt gives a whole result", id="result"),
        pytest.param({"text": RESULT}, "text gives a whole result", id="result as text"),
        pytest.param({"prompt": "()"}, "prompt gives an empty list", id="empty list"),
        pytest.param(
            {"prompt": "a", "multi_prompt": [{"index": 1, "prompt": OBJECT}]},
            "multi_prompt[0].prompt gives an object, not text",
            id="deep",
        ),
        pytest.param(
            {"prompt": "a", "multi_prompt": [{"index": 1, "prompt": "nan"}]},
            "multi_prompt[0].prompt is 'nan'",
            id="deep word",
        ),
        pytest.param({"prompt": "a", "labels": {"team": "None"}}, None, id="labels are not sent"),
    ],
)
@pytest.mark.parametrize("source", ["list", "jsonl", "csv"])
def test_a_row_with_the_text_of_an_object_has_an_error_in_every_source(
    tmp_path: Path, source: str, row: dict[str, Any], fault: str | None
) -> None:
    requests: Any = [{"prompt": "a cat"}, row]
    if source == "jsonl":
        requests = tmp_path / "rows.jsonl"
        requests.write_text("".join(f"{json.dumps(each)}\n" for each in ({"prompt": "a cat"}, row)))
    elif source == "csv":
        requests = tmp_path / "rows.csv"
        with requests.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["prompt", *(name for name in row if name != "prompt")])
            writer.writeheader()
            cells = {
                key: json.dumps(item) if isinstance(item, list | dict) else item for key, item in row.items()
            }
            writer.writerows([{"prompt": "a cat"}, cells])
    good, bad = read(requests)
    assert good.error is None
    assert (bad.error is None) if fault is None else (bad.error or "").startswith(fault)


def test_rows_accept_common_python_types() -> None:
    mode = enum.Enum("Mode", {"PRO": "pro"}, type=str)
    (row,) = read([{"prompt": "a", "n": numpy.int64(2), "duration": Decimal("5"), "mode": mode.PRO}])
    assert row.values == {"prompt": "a", "n": 2, "duration": 5, "mode": "pro"}
    assert json.dumps(row.values)
