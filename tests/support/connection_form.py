# SPDX-License-Identifier: Apache-2.0
"""The form for connections in Airflow's UI, filled in as a person does it."""

from __future__ import annotations

import re
from typing import Any


def open_form(page: Any, url: str, conn_id: str) -> Any:
    """Open the form for a new connection of type Kling AI.

    :param page: a page of a browser.
    :param url: URL of Airflow.
    :param conn_id: id of the connection.
    :return: the dialog with the form.
    """
    page.goto(f"{url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[name=connection_id]").fill(conn_id)
    dialog.get_by_role("combobox").first.fill("kling")
    page.get_by_role("option", name=re.compile("kling", re.IGNORECASE)).first.click()
    return dialog


def fill_form(dialog: Any, **fields: str) -> None:
    """Fill in fields and save.

    :param dialog: the form.
    :param fields: text of each field, by its name.
    """
    for name, text in fields.items():
        dialog.locator(f"input[name={name}]").fill(text)
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="hidden")
