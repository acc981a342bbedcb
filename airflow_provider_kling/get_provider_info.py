# SPDX-License-Identifier: Apache-2.0
"""Metadata of this package for Airflow: connection type, form fields, modules.

Airflow calls :func:`get_provider_info` while its own configuration is still being read, so this module
imports nothing. Airflow 3.2 and newer draw the connection form from here; older versions ask the hook,
which builds the same form from the same data.
"""

from __future__ import annotations

from typing import Any

INTEGRATION = "Kling AI"
CONNECTION_TYPE = "kling"

CONN_FIELDS: dict[str, dict[str, Any]] = {
    "dialect": {
        "label": "Dialect",
        "description": "Who answers at this host. Leave empty to detect it from the host's name.",
        "schema": {"type": ["string", "null"], "enum": ["kling", "cometapi", "gateway"]},
    },
    "base_path": {
        "label": "Base path",
        "description": "Path in front of /v1, such as /kling at gateways. Leave empty for the dialect's own.",
        "schema": {"type": ["string", "null"]},
    },
    "timeout": {
        "label": "Timeout of one request (seconds)",
        "description": "How long one HTTP request may take. How long to wait for a job: see the task.",
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 3600},
    },
    "verify": {
        "label": "Verify TLS certificates",
        "description": "true, false, or the path of a file with certificate authorities. Empty means true.",
        # Text, not a check box: older forms save an untouched one as false, and TLS checks would be off.
        "schema": {"type": ["string", "null"]},
    },
    "proxy": {
        "label": "Proxy",
        "description": "URL of an HTTP proxy for all requests of this connection.",
        "schema": {"type": ["string", "null"]},
    },
}

UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["schema"],
    "relabeling": {
        "password": "API key",
        "login": "Access Key",
        "host": "Host",
        "port": "Port",
    },
    "placeholders": {
        "password": "API key; with an Access Key: its Secret Key",
        "login": "Leave empty with an API key",
        "host": "https://api-singapore.klingai.com",
        "port": "443",
    },
}


def get_provider_info() -> dict[str, Any]:
    """Describe the package to Airflow; the ``apache_airflow_provider`` entry point.

    :return: a dictionary after ``airflow/provider_info.schema.json``.
    """
    from . import __version__

    return {
        "package-name": "airflow-provider-kling",
        "name": INTEGRATION,
        "description": "Video, image and audio generation with `Kling AI <https://klingai.com/>`__.",
        "versions": [__version__],  # as in the sample provider of Astronomer
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://app.klingai.com/global/dev/document-api",
                "tags": ["service"],
            }
        ],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "airflow_provider_kling.hooks.kling.KlingHook",
                "hook-name": INTEGRATION,
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
                "conn-fields": CONN_FIELDS,
            }
        ],
        "extra-links": [
            "airflow_provider_kling.links.KlingResultLink",
            "airflow_provider_kling.links.KlingConsoleLink",
        ],
        "hooks": _modules("hooks.kling"),
        "operators": _modules(
            *(
                "operators.video",
                "operators.video2",
                "operators.avatar",
                "operators.image",
                "operators.solutions",
                "operators.audio",
            ),
            *("operators.library", "operators.account", "operators.batch", "operators.results"),
            "operators.media_check",
            "operators.usage",
        ),
        "sensors": _modules("sensors.kling"),
        "triggers": _modules(
            "triggers.batch", "triggers.events", "triggers.kling", "triggers.start_from_trigger"
        ),
    }


def _modules(*names: str) -> list[dict[str, Any]]:
    return [
        {
            "integration-name": INTEGRATION,
            "python-modules": [f"airflow_provider_kling.{name}" for name in names],
        }
    ]
