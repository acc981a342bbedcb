# SPDX-License-Identifier: Apache-2.0
"""Detect that a chunked body is cut within the line with the length of a chunk.

The standard library reads what there is of such a line as the length: of ``000001f4``, the zeros of a cut
line end the body as if it were complete. A text file, such as subtitles, has no end of its own to check.
"""

from __future__ import annotations

from http.client import HTTPResponse, IncompleteRead
from typing import Any


class ChunkCheckedResponse(HTTPResponse):
    """A response whose chunked body ends only with a whole line."""

    def begin(self) -> None:
        """Read the headers."""
        super().begin()
        if self.chunked:
            self.fp: Any = _ChunkedStream(self.fp)


class _ChunkedStream:
    """The stream of a chunked body, whose lines are the lengths of its chunks, and then the trailers."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._is_ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._stream.readline(limit)
        if self._is_ended:
            # A trailer: the file is complete without it.
            return line
        if not line.endswith(b"\n"):
            raise IncompleteRead(line)
        self._is_ended = not line.split(b";", 1)[0].strip(b"0 \t\r\n")
        return line
