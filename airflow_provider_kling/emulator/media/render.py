# SPDX-License-Identifier: Apache-2.0
"""Renders a file when it is first requested, and stores it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import audio, image, video
from .specs import AudioSpec, ImageSpec, RenderSpec, TextSpec, VideoSpec, fingerprint


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """A rendered file.

    :param path: its path.
    :param size: number of bytes.
    :param etag: its entity tag.
    """

    path: Path
    size: int
    etag: str


class RenderCache:
    """Rendered files by spec.

    :param folder: directory to store them in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # One at a time: rendering must not take all cores from the tests.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="kling-render")
        self._done: dict[str, RenderedFile] = {}
        self._running: dict[str, asyncio.Future[RenderedFile]] = {}

    async def file(self, spec: RenderSpec) -> RenderedFile:
        """Return the file of a spec, rendering it on first use.

        :param spec: what to render.
        :return: the file.
        """
        name = fingerprint(spec)
        if name in self._done:
            return self._done[name]
        if name not in self._running:
            loop = asyncio.get_running_loop()
            self._running[name] = loop.run_in_executor(self._pool, _render, spec, self._folder / name)
        try:
            # One client that goes away must not take the file from others who wait for it.
            self._done[name] = await asyncio.shield(self._running[name])
        finally:
            self._running.pop(name, None)
        return self._done[name]

    def close(self) -> None:
        """Stop rendering, once the file under way is done."""
        # The file under way must not appear in a folder that is being removed.
        self._pool.shutdown(wait=True, cancel_futures=True)


def _render(spec: RenderSpec, path: Path) -> RenderedFile:
    match spec:
        case VideoSpec():
            video.render(spec, path)
        case ImageSpec():
            image.render(spec, path)
        case AudioSpec():
            audio.render(spec, path)
        case TextSpec():
            path.write_text(spec.text, "utf-8")
    return RenderedFile(path, path.stat().st_size, f'"{path.name[:32]}"')
