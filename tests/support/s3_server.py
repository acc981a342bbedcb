# SPDX-License-Identifier: Apache-2.0
"""Run moto's S3 server on a free port of loopback, with conditional writes that are atomic, as in S3.

moto itself checks the condition and writes in two steps, between which its other threads may write.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

_application = DomainDispatcherApplication(create_backend_app)
_lock = threading.Lock()


def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if "HTTP_IF_NONE_MATCH" not in environ:
        return _application(environ, start_response)
    with _lock:
        return _application(environ, start_response)


if __name__ == "__main__":
    run_simple("127.0.0.1", 0, serve, threaded=True)
