# SPDX-License-Identifier: Apache-2.0
"""A host's name decides its dialect, and an unknown one supports the least."""

from __future__ import annotations

import pytest

from airflow_provider_kling.api.hosts import DEFAULT_HOST, DIALECTS, dialect_for_host


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api-singapore.klingai.com", "kling"),
        ("api-beijing.klingai.com", "kling"),
        ("api.klingai.com", "kling"),
        ("API.KLINGAI.COM.", "kling"),
        ("kling.ai", "kling"),
        ("127.0.0.1", "kling"),
        ("localhost", "kling"),
        ("::1", "kling"),
        ("api.cometapi.com", "cometapi"),
        ("cometapi.com", "cometapi"),
        ("vip.xmsmartlink.com", "gateway"),
        ("klingai.com.evil.example", "gateway"),
        ("notklingai.com", "gateway"),
        ("mycometapi.com", "gateway"),
        ("", "gateway"),
    ],
)
def test_guess(host: str, name: str) -> None:
    assert dialect_for_host(host).name == name


def test_the_default_host_is_klings() -> None:
    assert dialect_for_host(DEFAULT_HOST.removeprefix("https://")).name == "kling"


def test_what_is_not_documented_counts_as_missing() -> None:
    gateway, comet, kling = DIALECTS["gateway"], DIALECTS["cometapi"], DIALECTS["kling"]
    assert (kling.supports_list, kling.supports_lookup, kling.supports_account, kling.base_path) == (
        True,
        True,
        True,
        "",
    )
    assert (comet.supports_list, comet.supports_account, comet.base_path) == (False, False, "/kling")
    assert (gateway.supports_list, gateway.supports_lookup, gateway.supports_account) == (False, False, False)
