# SPDX-License-Identifier: Apache-2.0
"""Redact secrets and control characters from text for logs, rendered templates and error messages.

A :class:`RedactedText` holds its redacted form, so that whatever stores or shows it cannot show more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .media_types import detect_media_type
from .urls import strip_data_uri

# Control characters and bidirectional overrides could make a reader see another text; unpaired surrogates
# cannot be written to a log. Joiners stay, because some scripts need them.
_CONTROL_CHARACTERS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


_MAX_INPUT_LENGTH = 100_000


def sanitize_text(text: str, max_length: int) -> str:
    """Redact a text and shorten it to one line.

    URL signatures, base64, control characters and bidirectional overrides are removed.

    :param text: any text, such as a message of the API or a parameter of a DAG.
    :param max_length: maximum length in characters.
    :return: the line.
    """
    # Megabytes of text would block the event loop of a triggerer.
    return truncate(redact_text(collapse_whitespace(text[:_MAX_INPUT_LENGTH])), max_length)


def truncate(text: str, max_length: int) -> str:
    """Shorten a text.

    :param text: any text.
    :param max_length: maximum length in characters.
    :return: the text; an ellipsis marks that it was cut.
    """
    return text if len(text) <= max_length else f"{text[:max_length]}…"


def strip_invisible(text: str, max_length: int) -> str:
    """Remove invisible characters from an id and shorten it.

    :param text: an id that is compared with another one.
    :param max_length: maximum length in characters.
    :return: the id; blanks are not changed.
    """
    return _CONTROL_CHARACTERS.sub("", text)[:max_length]


def collapse_whitespace(text: str) -> str:
    """Return a text as one line without control characters.

    :param text: any text.
    :return: the line.
    """
    return _CONTROL_CHARACTERS.sub("", " ".join(text.split()))


_DATA_URI = r"(?i:data:[^,\s]{0,100};base64,)"
_KILOBYTE, _MEGABYTE = 1024, 1024 * 1024
_BASE64_CHARACTER = "[A-Za-z0-9+/]"
_LINE_BREAK = r"(?:\r?\n|(?:\\r)?\\n)"
# One long run, or lines of a run as mail and `base64` break it. No word of a prompt is that long.
_BASE64 = re.compile(
    rf"{_DATA_URI}{_BASE64_CHARACTER}*+(?:{_LINE_BREAK}{_BASE64_CHARACTER}++)*+={{0,2}}"
    rf"|(?:{_BASE64_CHARACTER}{{60,}}+{_LINE_BREAK})++{_BASE64_CHARACTER}*+={{0,2}}"
    rf"|{_BASE64_CHARACTER}{{128,}}+={{0,2}}"
)
# The rest is matched in one step, so the time is linear in the length of the text. In JSON a slash may be
# escaped, and some errors quote a URL without its host.
_URL_TEXT = re.compile(r"(:(?:\\?/){2}|(?<![\w:/])/)((?:[^\s\"'<>]|'(?=[\w%&=]))*+)")
_HOST_END = re.compile(r"[/\\?#]")

# Parameters of the signing schemes in use: S3 and what imitates it, Google, Azure, Alibaba, Tencent,
# CloudFront, and the tokens of Supabase, Firebase, Bunny, Akamai, Backblaze, Qiniu and of CDNs in general.
# ``re`` compiles it with its first use: every DAG file imports this module, and few need the pattern.
_SIGNATURE = (
    r"(x-(amz|goog|oss|cos|tos|obs)-.*|q-(sign|ak|key|header|url)-?.*|signature|expires|policy|key-pair-id"
    r"|awsaccesskeyid|ossaccesskeyid|googleaccessid|security-token|auth_key|auth-key|authkey"
    r"|(access|auth|download|upload|id|sas|sign|signed|url|cdn|__)?[-_]?token(__)?|jwt|authorization|bearer"
    r"|token_(path|ver|countries)|expire|expiry|expiration|expires_(at|in)|sign|hdnts|hdnea|hdntl"
    r"|__gda__|wssecret|wstime|verify|x-bz-.*|apikey|api[-_]key|nonce|timestamp)$"
)
# Two letters mean something else to others, but not in pairs.
_PAIRED_SIGNATURES = (("e", "token"), ("t", "sign"), ("ex", "is", "hm"), ("exp", "sig"))
_AZURE_SIGNATURE = r"(s[eiprstv]|sig|spr|srt|sk(oid|tid|[etsv]))$"


def describe_media(value: str) -> str:
    """Describe a media value without its content.

    :param value: base64, URL or path.
    :return: base64 as ``<image/jpeg 1.2 MB sha256:ab12cd34ef56>``, a URL without query, fragment and
        credentials, a path unchanged.
    """
    return redact_text(value)


def redact_text(text: str) -> str:
    """Redact a text: describe each base64 value, and drop query and password of each URL.

    :param text: any text.
    :return: the redacted text.
    """
    return _BASE64.sub(lambda match: _describe_base64(match.group()), _URL_TEXT.sub(_redact_url_match, text))


def _redact_url_match(match: re.Match[str]) -> str:
    """Return a URL without its signature and password."""
    start, rest = match.groups()
    if start == "/":
        path, mark, query = rest.partition("?")
        return f"/{path}" if mark and "=" in query else match.group()
    before = match.string[max(0, match.start() - len("https")) : match.start()].lower()
    web = before.endswith(("http", "https"))
    redacted = _redact_credentials(rest, user_is_conn_id=not web)
    # In the key of an object a # is a character like others.
    return start + re.split(r"[?#]" if web else r"\?", redacted, maxsplit=1)[0]


def _redact_credentials(rest: str, *, user_is_conn_id: bool) -> str:
    """Drop the credentials of a URL.

    :param rest: what follows ``://``.
    :param user_is_conn_id: a user without a password is the id of an Airflow connection and stays.
    """
    authority = _HOST_END.split(rest, maxsplit=1)[0]
    user, at, _ = authority.rpartition("@")
    if at:
        return rest if user_is_conn_id and ":" not in user else f"***@{rest[len(user) + 1 :]}"
    _, colon, port = authority.partition(":")
    if not colon or authority.startswith("[") or port.isdecimal() or not port or "@" not in rest:
        return rest
    # No port: a password with a slash or a question mark in it, as AWS makes them.
    return f"***@{rest.rpartition('@')[2]}"


def redact(value: Any) -> Any:
    """Redact all texts of a JSON value, for logs, rendered templates and error messages.

    :param value: JSON value of any depth; it is not changed.
    :return: a redacted copy.
    """
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {key: redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def strip_url_signature(url: str) -> str:
    """Drop the signature of a URL, which differs each time the URL is signed.

    :param url: the URL.
    :return: the URL with its other parameters.
    """
    parts = urlsplit(url)
    if not parts.query:
        return url
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    names = {name for name, _ in pairs}
    # Azure's names are short enough to mean something else to others.
    azure = {"sig", "sv"} <= names
    paired = {name for group in _PAIRED_SIGNATURES if names.issuperset(group) for name in group}
    remaining = [
        (name, text)
        for name, text in pairs
        if name not in paired
        and not re.match(_SIGNATURE, name, re.IGNORECASE)
        and not (azure and re.match(_AZURE_SIGNATURE, name))
    ]
    return urlunsplit(parts._replace(query=urlencode(remaining)))


def _describe_base64(encoded: str) -> str:
    raw = strip_data_uri(encoded)
    for line_break in ("\\r", "\\n", "\r", "\n"):
        raw = raw.replace(line_break, "")
    # A run that was cut out of a longer text need not end on a whole group of four.
    whole = raw[: len(raw) // 4 * 4]
    try:
        data = base64.b64decode(whole)
    except (binascii.Error, ValueError):
        return f"<base64 {_format_size(len(raw))}>"
    return content_summary(detect_media_type(data[:4096]), len(data), hashlib.sha256(data).hexdigest())


def content_summary(mime: str | None, size: int, sha256: str) -> str:
    """Format type, size and hash of a file for logs.

    :param mime: media type, ``None`` if it is unknown.
    :param size: bytes.
    :param sha256: hash, hexadecimal.
    :return: text such as ``<image/jpeg 1.2 MB sha256:ab12cd34ef56>``.
    """
    return f"<{mime or 'base64'} {_format_size(size)} sha256:{sha256[:12]}>"


def _format_size(count: int) -> str:
    if count < _KILOBYTE:
        return f"{count} B"
    return f"{count / _KILOBYTE:.1f} kB" if count < _MEGABYTE else f"{count / _MEGABYTE:.1f} MB"


_URLLIB3_LOGGERS = ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry")


class _QueryFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_strip_query, record.args))
        # The traceback of an unreadable header quotes later headers, such as the URL of a redirect.
        record.exc_info = None
        return True


def _strip_query(value: Any) -> Any:
    if isinstance(value, BaseException):
        return type(value).__name__
    return value.partition("?")[0] if isinstance(value, str) else value


def install_urllib3_log_filter() -> None:
    """Drop the query of all URLs that ``urllib3`` logs in this process."""
    for name in _URLLIB3_LOGGERS:
        log = logging.getLogger(name)
        if not any(isinstance(each, _QueryFilter) for each in log.filters):
            log.addFilter(_QueryFilter())


class RedactedText(str):
    """A redacted text that carries what it was made of.

    To JSON, logs and comparisons it is the redacted text; only :func:`original_of` returns the rest.

    :param text: the redacted text.
    :param original: the value that it stands for.
    """

    original: Any

    def __new__(cls, text: str, original: Any) -> RedactedText:
        """Make the text."""
        instance = super().__new__(cls, text)
        instance.original = original
        return instance

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what copies are made of."""
        return type(self), (str(self), self.original)


class RedactedItems(RedactedText):
    """A text in a list that stands for any number of its items."""


def redact_reversibly(value: Any) -> Any:
    """Replace the texts of a JSON value that must not be shown, such that they can be restored.

    :param value: JSON value of any depth; it is not changed.
    :return: a copy in which such a text is a :class:`RedactedText`.
    """
    if isinstance(value, RedactedText):
        return value
    if isinstance(value, str):
        redacted = redact_text(value)
        return value if redacted == value else RedactedText(redacted, value)
    if isinstance(value, Mapping):
        return {key: redact_reversibly(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_reversibly(item) for item in value]
    return value


def original_of(value: Any) -> Any:
    """Restore the texts that were redacted.

    :param value: a value, which may have been changed since.
    :return: the same with the original of each :class:`RedactedText` in it.
    """
    if isinstance(value, RedactedText):
        return value.original
    if type(value) is dict:
        return {key: original_of(item) for key, item in value.items()}
    if type(value) is list:
        return [each for item in value for each in _originals(item)]
    return value


def _originals(item: Any) -> Iterable[Any]:
    return item.original if isinstance(item, RedactedItems) else (original_of(item),)
