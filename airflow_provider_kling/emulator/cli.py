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
        help="whose answers to give (%(default)s)",
    )
    add("--api-key", default=default.api_key, help="key to accept (%(default)s)")
    add("--access-key", default=default.access_key, help="issuer of signed tokens (%(default)s)")
    add("--secret-key", default=default.secret_key, help="key that signs tokens (%(default)s)")
    add("--webhook-secret", help="whsec_ and base64: sign callbacks with it")
    add("--certificate", help="PEM file with certificate and key, to speak HTTPS")
    add("--speed", type=float, default=default.speed, help="how much faster than real (%(default)s)")
    add(
        "--job-seconds", type=float, help="how long every job takes at speed 1 (60 for videos, 24 for images)"
    )
    add("--slots", type=int, default=default.slots, help="jobs active at once, 0 for any (%(default)s)")
    add("--units", type=float, default=default.units, help="size of the resource packs (%(default)s)")
    add("--cash", type=float, help="pay in cash, from a balance of this many US dollars")
    add("--scale", type=float, default=default.scale, help="size relative to real results (%(default)s)")
    add(
        "--url-seconds",
        type=float,
        default=default.url_seconds,
        help="life of result URLs (%(default)s)",
    )
    add("--strict", action="store_true", help="refuse unknown fields and empty values too")
    add("--model", action="append", default=[], dest="models", help="accept this model_name too")
    add("--fault", action="append", default=[], metavar="NAME=VALUE", dest="faults", help="see below")
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
