# SPDX-License-Identifier: Apache-2.0
"""No part of an image and no signature is written to a log."""

from __future__ import annotations

import base64
import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.utils.redaction import describe_media, redact, redact_text, strip_url_signature
from tests.unit.inputs.samples import image_file

DATA = image_file()
BASE64 = base64.b64encode(DATA).decode()
LABEL = f"<image/jpeg {len(DATA) / 1024:.1f} kB sha256:{sha256(DATA).hexdigest()[:12]}>"


@pytest.mark.parametrize(
    "value",
    [
        BASE64,
        f"data:image/jpeg;base64,{BASE64}",
        base64.encodebytes(DATA).decode().rstrip("\n"),
        base64.encodebytes(DATA).decode().replace("\n", "\r\n").rstrip(),
    ],
)
def test_base64_becomes_type_size_and_hash(value):
    assert describe_media(value) == LABEL


def test_short_data_uri_is_described_too():
    assert describe_media("data:image/png;base64,iVBORw0KGgo=") == "<image/png 8 B sha256:4c4b6a3be131>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://host/a/b.mp4?X-Amz-Signature=abc&x=1#part", "https://host/a/b.mp4"),
        ("https://user:secret@host/a.png?token=1", "https://***@host/a.png"),
        ("https://user:secret@host/a.png", "https://***@host/a.png"),
        ("https://token@host/a.png", "https://***@host/a.png"),
        ("https://user:p@ss:secret@host/a.png", "https://***@host/a.png"),
        ("https://host:8443/a/b@c.png", "https://host:8443/a/b@c.png"),
        ("http://[::1]:8188/a@b", "http://[::1]:8188/a@b"),
        (r"https:\/\/user:secret@host\/a.mp4?Signature=1", r"https:\/\/***@host\/a.mp4"),
        ("https://h/a?x='y'&Signature=1", "https://h/a"),
        (f"https://h/{'long-' * 500}?Signature=1", f"https://h/{'long-' * 500}"),
        ("https://host/a.png", "https://host/a.png"),
        ("s3://my_conn@bucket/key.png", "s3://my_conn@bucket/key.png"),
        ("s3://AKIA:secret@bucket/key.png", "s3://***@bucket/key.png"),
        ("s3://AKIA:sec/ret?+@bucket/key.png", "s3://***@bucket/key.png"),
        ("ftp://user:p@ss@host/out", "ftp://***@host/out"),
        ("s3://bucket/a#1.png?X-Amz-Signature=1", "s3://bucket/a#1.png"),
        ("gs://bucket/key?sig=1", "gs://bucket/key"),
        ("/data/in/picture.png", "/data/in/picture.png"),
    ],
)
def test_urls_lose_only_their_signature(value, shown):
    assert describe_media(value) == shown


def test_other_words_of_a_text_are_unchanged():
    prompt = "A cat walks on the wall? Yes: it does, and " + "it looks down at the street " * 40
    assert redact_text(prompt) == prompt
    assert redact_text("see https://x.y/z?sig=1 and go") == "see https://x.y/z and go"
    assert redact_text("and/or 3/4? /usr/bin? yes: a=b") == "and/or 3/4? /usr/bin? yes: a=b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Max retries exceeded with url: /a.mp4?Signature=1&x=2 (Caused by", "url: /a.mp4 (Caused by"),
        ("{'url': 'https://h/a?Signature=1', 'n': 2}", "{'url': 'https://h/a', 'n': 2}"),
        (r'{"a": "https:\/\/h\/a?Signature=1", "n": 2}', r'{"a": "https:\/\/h\/a", "n": 2}'),
        (f"see https://h/{'a' * 3000}?Signature=1 there", " there"),
    ],
)
def test_urls_inside_an_error_text_are_found(text, shown):
    assert redact_text(text).endswith(shown)
    assert "Signature" not in redact_text(text)


@pytest.mark.parametrize("write", [str, repr, json.dumps])
def test_base64_inside_an_error_text_is_found(write):
    wrapped = base64.encodebytes(DATA).decode()
    text = redact_text(f"value {write(wrapped)} is invalid")
    assert len(text) < 100
    assert "is invalid" in text


def test_whole_body_at_any_depth():
    body = {
        "image": BASE64,
        "image_list": [{"image": f"data:image/jpeg;base64,{BASE64}"}, {"image": "https://h/p.png?sig=1"}],
        "n": 2,
        "cfg": 0.5,
        "on": True,
        "none": None,
    }
    assert redact(body) == {
        "image": LABEL,
        "image_list": [{"image": LABEL}, {"image": "https://h/p.png"}],
        "n": 2,
        "cfg": 0.5,
        "on": True,
        "none": None,
    }
    assert body["image"] == BASE64


@given(
    st.binary(min_size=96),
    st.text(max_size=20),
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b""]),
)
def test_no_part_of_an_image_survives(data, words, magic):
    encoded = base64.b64encode(magic + data).decode()
    for whole in (encoded, f"{words} {encoded} {words}", f"data:image/png;base64,{encoded}", f'"{encoded}"'):
        assert encoded[:64] not in redact_text(whole)


@given(st.text())
def test_shortening_never_fails(text):
    assert isinstance(redact_text(text), str)


def test_large_bodies_are_quick():
    import time

    # Processor time: other work on the machine must not count. A quadratic pattern takes minutes.
    started = time.process_time()
    redact({"a": "A" * 14_000_000, "b": "a." * 500_000, "c": "http://" * 20_000})
    redact({"a": "(/" * 500_000, "b": "://u:p" * 200_000, "c": f"://a:{'@/' * 500_000}", "d": "/?" * 500_000})
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("url", "stable"),
    [
        ("https://h/a.mp4", "https://h/a.mp4"),
        ("https://h/a.mp4?id=5&v=2", "https://h/a.mp4?id=5&v=2"),
        (
            "https://b.s3.amazonaws.com/k.mp4?X-Amz-Algorithm=AWS4&X-Amz-Date=1&X-Amz-Signature=a&versionId=7",
            "https://b.s3.amazonaws.com/k.mp4?versionId=7",
        ),
        (
            "https://b.s3.amazonaws.com/k?AWSAccessKeyId=A&Signature=s&Expires=1",
            "https://b.s3.amazonaws.com/k",
        ),
        (
            "https://storage.googleapis.com/b/k?X-Goog-Signature=a&X-Goog-Date=b",
            "https://storage.googleapis.com/b/k",
        ),
        (
            "https://a.blob.core.windows.net/c/k?sv=1&se=2&sr=b&sp=r&sig=x&id=3",
            "https://a.blob.core.windows.net/c/k?id=3",
        ),
        ("https://h/a?sp=5&st=6", "https://h/a?sp=5&st=6"),
        (
            "https://b.oss-cn.aliyuncs.com/k?OSSAccessKeyId=a&Expires=1&Signature=2",
            "https://b.oss-cn.aliyuncs.com/k",
        ),
        ("https://d.cloudfront.net/k?Policy=p&Signature=s&Key-Pair-Id=k", "https://d.cloudfront.net/k"),
    ],
)
def test_stable_url_drops_signatures_only(url, stable):
    assert strip_url_signature(url) == stable
