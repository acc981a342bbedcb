# SPDX-License-Identifier: Apache-2.0
"""Airflow's own api-server application, in this process, with the plugin and two people who use it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_kling.links import has_preview

Browser = Any
"""What a test gets of an HTTP client: ``get`` and ``head``."""


@pytest.fixture(scope="session")
def api_server(airflow_database: Any) -> Iterator[Any]:
    """Airflow's web application; the auth manager of ``auth.py`` says who may read what."""
    if not has_preview():
        pytest.skip("the preview tab needs Airflow 3.1.1")
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("AIRFLOW__CORE__AUTH_MANAGER", "tests.unit.plugins.auth.PerDagAuthManager")
        environ.setenv("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_hex(64))
        # What the api-server's own start-up says, for connections to be found.
        environ.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
        from airflow.api_fastapi.app import create_app, purge_cached_app

        purge_cached_app()
        yield create_app(apps="core")
        purge_cached_app()


@pytest.fixture
def as_user(api_server: Any) -> Callable[[str], Browser]:
    """Make a browser that is signed in under a name, or not at all for an empty one."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    def sign_in(name: str) -> Browser:
        browser = TestClient(api_server)
        if name:
            user: Any = SimpleAuthManagerUser(username=name, role="viewer")
            browser.cookies.set("_token", get_auth_manager().generate_jwt(user))
        return browser

    return sign_in


@pytest.fixture
def viewer(as_user: Callable[[str], Browser]) -> Browser:
    """A browser of a user who may read every DAG."""
    return as_user("somebody")
