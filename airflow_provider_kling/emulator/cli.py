# SPDX-License-Identifier: Apache-2.0
"""The emulator's command line."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence

from .faults import FAULTS, Faults
from .options import DEFAULT_PORT, Dialect, Options
from .server import Emulator, PortTaken


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line.

    :return: the parser.
    """
    known = "\n".join(f"  {name:24}{fault.text}" for name, fault in FAULTS.items())
    result = argparse.ArgumentParser(
        prog="python -m airflow_provider_kling.emulator",
        description="A local Kling server for work and tests without credits.",
        epilog=f"faults:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Options()
    add = result.add_argument
    add("--host", default=default.host, help="loopback address to listen on (%(default)s)")
    add("--port", type=int, default=DEFAULT_PORT, help="port to listen on, 0 for any (%(default)s)")
    add(
        "--dialect",
        choices=list(Dialect),
        default=default.dialect,
        help="host to imitate (%(default)s)",
    )
    add("--api-key", default=default.api_key, help="API key to accept (%(default)s)")
    add(
        "--access-key",
        default=default.access_key,
        help="Access Key to accept, the issuer of signed tokens (%(default)s)",
    )
    add(
        "--secret-key",
        default=default.secret_key,
        help="Secret Key to accept, which signs these tokens (%(default)s)",
    )
    add("--webhook-secret", help="key that signs callbacks: whsec_ and base64")
    add("--certificate", help="PEM file with certificate and key, for HTTPS")
    add(
        "--speed",
        type=float,
        default=default.speed,
        help="factor by which jobs run faster than at Kling (%(default)s)",
    )
    add(
        "--job-seconds",
        type=float,
        help="seconds that every job takes at speed 1 (video 60, audio 20, image 24, voice 9, element 5)",
    )
    add(
        "--slots", type=int, default=default.slots, help="maximum of parallel jobs; 0: no limit (%(default)s)"
    )
    add("--units", type=float, default=default.units, help="size of the two resource packs (%(default)s)")
    add("--cash", type=float, help="balance in US dollars of an account that pays in cash")
    add(
        "--scale",
        type=float,
        default=default.scale,
        help="size of images and videos relative to Kling's (%(default)s)",
    )
    add(
        "--url-seconds",
        type=float,
        default=default.url_seconds,
        help="seconds for which the URL of a result is valid (%(default)s)",
    )
    add("--strict", action="store_true", help="also reject unknown fields and empty values")
    add(
        "--model", action="append", default=[], dest="models", help="also accept this model_name (repeatable)"
    )
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="faults",
        help="a fault to start with (repeatable), see below",
    )
    return result


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Parse the command line.

    :param arguments: the arguments; those of the process by default.
    :return: the settings.
    :raises SystemExit: the arguments are invalid.
    """
    command = build_parser()
    settings = vars(command.parse_args(arguments))
    settings["models"] = tuple(settings["models"])
    settings["faults"] = dict(entry.partition("=")[::2] for entry in settings["faults"])
    try:
        Faults(settings["faults"])
        return Options(**settings)
    except ValueError as error:
        command.error(str(error))


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted.

    :param arguments: the arguments; those of the process by default.
    :return: the exit code.
    """
    emulator = Emulator(parse_options(arguments))
    try:
        listener = emulator.listen()
    except PortTaken as error:
        emulator.close()
        print(f"error: {error}; --port 0 takes any free port", file=sys.stderr)  # noqa: T201
        return 1
    export = f"export AIRFLOW_CONN_KLING_DEFAULT={shlex.quote(emulator.connection_json())}"
    print(f"Kling emulator on {emulator.url}  {export}", flush=True)  # noqa: T201
    # uvicorn passes the signal on once it has stopped; the default would end the process before it cleans up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        emulator.server().run([listener])
    except KeyboardInterrupt:
        pass
    finally:
        emulator.close()
    return 0
