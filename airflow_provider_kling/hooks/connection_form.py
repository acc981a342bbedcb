# SPDX-License-Identifier: Apache-2.0
"""The connection form of Airflow 2.11 to 3.1, made from the data that newer versions read.

``KlingHook.get_connection_form_widgets`` and ``KlingHook.get_ui_field_behaviour`` return what these
functions make.
"""

from __future__ import annotations

from typing import Any

from ..get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR


def connection_form_widgets() -> dict[str, Any]:
    """Make one text field for each extra of the connection.

    :return: name of the extra -> WTForms field.
    :raises ImportError: without Flask AppBuilder or WTForms; Airflow expects this where no such form exists.
    """
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
    from wtforms import StringField
    from wtforms.validators import Optional, any_of

    def field(label: str, description: str, schema: dict[str, Any]) -> Any:
        choices = schema.get("enum")
        validators = [Optional(), any_of(choices)] if choices else [Optional()]
        return StringField(label, validators=validators, description=description, widget=BS3TextFieldWidget())

    return {name: field(**definition) for name, definition in CONN_FIELDS.items()}


def ui_field_behaviour() -> dict[str, Any]:
    """Return which standard fields are hidden, the labels of the others, and their placeholders.

    :return: ``hidden_fields``, ``relabeling`` and ``placeholders``.
    """
    return {key.replace("-", "_"): value for key, value in UI_FIELD_BEHAVIOUR.items()}
