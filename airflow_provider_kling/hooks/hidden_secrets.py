# SPDX-License-Identifier: Apache-2.0
"""Redact a connection's secrets in responses: servers echo keys that they reject."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ..utils.json_input import read_response_json
from ..utils.redaction import strip_invisible

_REDACTED = "***"
_MIN_LENGTH = 8
# ASCII that JSON need not escape, and some servers do.
_ESCAPED = re.compile(rb"\\(?:/|u00[2-7])", re.IGNORECASE)
_URL = re.compile(r"\s*(?:[a-z][a-z0-9+.-]{0,20}:)?//\S+\s*", re.IGNORECASE)
_MESSAGE_KEYS = frozenset(
    ("message", "msg", "task_status_msg", "error", "error_message", "error_msg", "detail")
)


class HiddenSecrets:
    """Redacts secrets, however a server writes them.

    :param secrets: the secrets; those of a few characters are left, since any text may hold them.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        long_enough = [secret for secret in secrets if len(secret) >= _MIN_LENGTH]
        forms = {
            form
            for secret in long_enough
            for form in (secret, quote(secret), quote(secret, safe=""), html.escape(secret))
        }
        # The longest first: a shorter one may be a part of it.
        self._forms = sorted(forms, key=len, reverse=True)

    def redact_text(self, text: str) -> str:
        """Redact a text.

        :param text: any text of a server.
        :return: the text without secrets.
        """
        for form in self._forms:
            if form in text:
                text = text.replace(form, _REDACTED)
        printable = text if text.isprintable() else strip_invisible(text, len(text))
        # What is invisible is removed later, and would put the parts together.
        return (
            self.redact_text(printable)
            if printable != text and any(form in printable for form in self._forms)
            else text
        )

    def redact_body(self, body: bytes) -> bytes:
        """Redact the body of a refusal.

        :param body: JSON or anything else.
        :return: the same without secrets.
        """
        try:
            value = read_response_json(body)
        except ValueError:
            for form in self._forms:
                body = body.replace(form.encode(), _REDACTED.encode())
            return body
        return json.dumps(self._redact_value(value, urls=False)).encode()

    def redact_response(self, response: dict[str, Any], body: bytes) -> dict[str, Any]:
        """Redact an answer that is no refusal; URLs stay, for a paid result is behind them.

        :param response: its JSON object.
        :param body: the body that it was read from.
        :return: the object without secrets.
        """
        if any(form.encode() in body for form in self._forms) or _ESCAPED.search(body):
            redacted: dict[str, Any] = self._redact_value(response, urls=True)
            return redacted
        return response

    def _redact_value(self, value: Any, *, urls: bool) -> Any:
        if isinstance(value, str):
            return value if urls and _URL.fullmatch(value) else self.redact_text(value)
        if isinstance(value, Mapping):
            return {
                self.redact_text(name): self._redact_value(inner, urls=urls and name not in _MESSAGE_KEYS)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._redact_value(item, urls=urls) for item in value]
        return value
