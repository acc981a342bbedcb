# SPDX-License-Identifier: Apache-2.0
"""Parse the ``Range`` header of HTTP (RFC 9110, section 14). Pure: no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

# ASCII only, and short enough to be converted in no time.
_SPEC = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")


class NotSatisfiable(ValueError):
    """The requested part lies outside the file."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a file.

    :param first: position of its first byte, from 0.
    :param last: position of its last byte.
    """

    first: int
    last: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.last - self.first + 1


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Parse a ``Range`` header.

    :param header: its value, if there is one.
    :param size: size of the file in bytes.
    :return: the requested part; ``None`` for the whole file, which is also the answer to a header that is
        malformed, of another unit, or requests several parts.
    :raises NotSatisfiable: the part lies outside the file.
    """
    unit, _, spec = (header or "").partition("=")
    found = _SPEC.fullmatch(spec.strip())
    if unit.strip().lower() != "bytes" or not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return _suffix(int(last), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise NotSatisfiable(header)
    return ByteRange(int(first), min(int(last), size - 1) if last else size - 1)


def _suffix(length: int, size: int) -> ByteRange:
    if not length or not size:
        raise NotSatisfiable(length)
    return ByteRange(max(size - length, 0), size - 1)
