# SPDX-License-Identifier: Apache-2.0
"""Limits of fetching result files."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DownloadRules:
    """How result files are fetched.

    :param allow_private: accept servers in private networks and on this machine; only where the
        connection's own host is one (:meth:`for_host`).
    :param max_bytes: most bytes of one file; 5 GB.
    :param max_redirects: most redirects of one download.
    :param timeout: seconds to connect, and seconds to wait for data.
    :param least_rate: bytes a second that a file must come with, on average and apart from the time to wait
        for data.
    :param attempts: how often one file is tried.
    :param longest_pause: most seconds between two tries; pauses are random and grow.
    :param parallel: how many files of a task are fetched at once.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param proxy: address of a proxy; without one, the environment's apply.
    """

    allow_private: bool = False
    max_bytes: int = 5 * 1024**3
    max_redirects: int = 5
    timeout: tuple[float, float] = (10.0, 60.0)
    attempts: int = 5
    longest_pause: float = 30.0
    parallel: int = 4
    verify: bool | str = True
    proxy: str | None = field(default=None, repr=False)
    least_rate: float = 10_000

    def too_slow(self, come: int, waited: float) -> bool:
        """Whether a file comes so slowly that it may never end.

        :param come: bytes that have come.
        :param waited: seconds that they were waited for.
        """
        return come < self.least_rate * (waited - self.timeout[1])

    @classmethod
    def for_host(
        cls,
        hostname: str,
        *,
        verify: bool | str = True,
        proxy: str | None = None,
        timeout: tuple[float, float] = (10.0, 60.0),
    ) -> DownloadRules:
        """Make the rules for results of one API host.

        :param hostname: the connection's host, without scheme and port; resolved here.
        """
        from .guard import is_private

        return cls(allow_private=is_private(hostname), verify=verify, proxy=proxy, timeout=timeout)
