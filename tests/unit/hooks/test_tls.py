# SPDX-License-Identifier: Apache-2.0
"""A bundle of certificates that cannot be used is named, with what to do, and nothing is sent."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO
from airflow_provider_kling.exceptions import JobState, KlingServerError
from airflow_provider_kling.hooks.async_client import AsyncKlingClient
from airflow_provider_kling.hooks.transport import ssl_context_for
from tests.unit.hooks.conftest import MakeHook
from tests.unit.hooks.scripted_server import ScriptedServer

BODY = {"image": "https://pictures.example/a.png"}
DAMAGED = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


# A connection whose own path does not exist is refused as a whole.
CASES = [
    (named, content)
    for named in ("extra.verify", *VARIABLES)
    for content in (None, "", "ca = 1", DAMAGED)
    if content is not None or named in VARIABLES
]


@pytest.fixture(params=CASES, ids=str)
def unusable(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, dict[str, str]]:
    """Where a path that is no bundle is named, in words, and a connection's extra that leads to it."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    named, content = request.param
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    if named in VARIABLES:
        monkeypatch.setenv(named, str(path))
        return f"{named} is '{path}'", {}
    return f"{named} is '{path}'", {"verify": str(path)}


def test_a_worker_names_it_and_has_sent_nothing(
    make_hook: MakeHook, tls_server: ScriptedServer, unusable: tuple[str, dict[str, str]]
) -> None:
    named, extra = unusable
    with pytest.raises(KlingServerError, match=f"{named}.* must be a PEM file") as failed:
        make_hook(tls_server.url, extra=extra).submit(IMAGE_TO_VIDEO, BODY)
    assert failed.value.job is JobState.NOT_CREATED
    assert tls_server.received == []


async def test_a_triggerer_names_it(
    make_hook: MakeHook, tls_server: ScriptedServer, unusable: tuple[str, dict[str, str]]
) -> None:
    named, extra = unusable
    client = AsyncKlingClient(make_hook(tls_server.url, extra=extra).settings)
    with pytest.raises(KlingServerError, match=f"{named}.* must be a PEM file"):
        await client.__aenter__()


@pytest.mark.parametrize("proxy", [None, "http://proxy.example:3128"])
def test_it_is_of_no_account_where_nothing_is_encrypted(
    make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch, proxy: str | None
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    assert ssl_context_for(make_hook("http://api.kling.invalid", extra={"proxy": proxy}).settings) is True
    assert ssl_context_for(make_hook("https://api.kling.invalid", extra={"verify": False}).settings) is False
    with pytest.raises(KlingServerError):
        ssl_context_for(
            make_hook("http://api.kling.invalid", extra={"proxy": "https://proxy.example"}).settings
        )


def test_it_is_read_again_only_when_it_has_changed(
    make_hook: MakeHook, certificate: Path, tmp_path: Path
) -> None:
    """A thousand triggers share one event loop, which stands still while a bundle is read."""
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(certificate.read_bytes())
    settings = make_hook("https://api.kling.invalid", extra={"verify": str(bundle)}).settings
    first = ssl_context_for(settings)
    assert isinstance(first, ssl.SSLContext)
    assert ssl_context_for(settings) is first
    bundle.write_bytes(certificate.read_bytes() * 2)
    assert ssl_context_for(settings) is not first
    bundle.write_bytes(b"")
    with pytest.raises(KlingServerError):
        ssl_context_for(settings)
