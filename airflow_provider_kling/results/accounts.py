# SPDX-License-Identifier: Apache-2.0
"""The account of a job in results, and the fields that belong to one account. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

CONNECTION_FACT = "kling_conn_id"
"""Key of the job's connection in results, manifests, ledgers and the XCom ``request``."""

_IDS = ("element_id", "video_id", "audio_id", "session_id", "image_id")
_VOICES = ("voice_id", "element_voice_id")


def account_bound_fields(values: Mapping[str, Any]) -> list[str]:
    """Return the fields of a request with ids that only one account has: voices, elements, results.

    A voice whose id is a word, such as ``genshin_vindi2``, is one of the vendor's own.

    :param values: the fields by name.
    :return: the names of the outermost fields.
    """
    return [name for name, value in values.items() if _is_bound(name, value)]


def _is_bound(name: str, value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_bound(key, item) for key, item in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return any(_is_bound(name, item) for item in value)
    text = str(value if value is not None else "").strip()
    return (name in _IDS and bool(text)) or (name in _VOICES and text.isdecimal())
