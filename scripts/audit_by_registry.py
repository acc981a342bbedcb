# SPDX-License-Identifier: Apache-2.0
"""pip-audit for networks where a mirror of the package registry is all there is.

Mirrors keep the registry's record of each package, which holds the known vulnerabilities of its newest
release, but not the record of each release, which pip-audit asks for. What is older than its newest release
is listed as not audited. Where nothing could be audited at all, that is a failure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import requests


def newest_instead(response: requests.Response, **options: Any) -> requests.Response:
    """Answer with the package's record where that of a release is missing and the release is its newest.

    :param response: answer to ``.../<package>/<release>/json``.
    :param options: how the request was sent: timeout, certificates.
    :return: the answer to go on with.
    """
    if response.status_code != requests.codes.not_found:
        return response
    release = response.url.rsplit("/", 2)[-2]
    newest = requests.get(urljoin(response.url, "../json"), timeout=options.get("timeout") or 15)
    return newest if newest.ok and newest.json()["info"]["version"] == release else response


def main() -> None:
    """Run pip-audit with the command line as it is."""
    from pip_audit._cli import audit
    from pip_audit._service import pypi

    make_session: Callable[..., requests.Session] = pypi.caching_session
    records = 0

    def look_up(response: requests.Response, **options: Any) -> requests.Response:
        nonlocal records
        found = newest_instead(response, **options)
        records += found.ok
        return found

    def session(*arguments: Any, **named: Any) -> requests.Session:
        made = make_session(*arguments, **named)
        made.hooks["response"].append(look_up)
        return made

    pypi.caching_session = session
    audit()
    if not records:
        sys.exit("Not audited: the registry keeps no record of any of these releases.")
    print(f"Audited: {records} releases.")


if __name__ == "__main__":
    main()
