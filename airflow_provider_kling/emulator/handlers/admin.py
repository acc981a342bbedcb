# SPDX-License-Identifier: Apache-2.0
"""The introspection API under ``/_emulator``, for tests; it needs no credentials."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Header, HTTPException

from ..clock import milliseconds
from ..loopback import is_loopback_url
from ..state import EmulatorState
from ..task import EmulatedTask


def admin_app(state: EmulatorState) -> FastAPI:
    """Build the application behind ``/_emulator``.

    :param state: state of the emulator.
    :return: the application.
    """
    app = FastAPI(
        title="Kling emulator",
        docs_url=None,
        redoc_url=None,
        openapi_url="/_emulator/openapi.json",
        dependencies=[Depends(_require_loopback)],
    )
    _add_jobs(app, state)
    _add_faults(app, state)
    return app


def _require_loopback(
    host: Annotated[str, Header(include_in_schema=False)] = "",
    origin: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> None:
    # Any web page can send a developer's browser here: by a host name that resolves to this machine, or by
    # a form, which needs no permission.
    if not is_loopback_url(f"http://{host}") or (origin is not None and not is_loopback_url(origin)):
        raise HTTPException(403, "only programs and pages of this machine may use it")


def _add_jobs(app: FastAPI, state: EmulatorState) -> None:
    @app.get("/_emulator")
    async def summary() -> dict[str, Any]:
        return state_summary(state)

    @app.get("/_emulator/jobs")
    async def jobs() -> list[dict[str, Any]]:
        now = state.clock.now()
        return [task_summary(job, now) for job in list(state.account.jobs)]

    @app.post("/_emulator/reset")
    async def reset() -> dict[str, Any]:
        state.reset()
        return state_summary(state)

    @app.post("/_emulator/advance")
    async def advance(seconds: float = Body(embed=True)) -> dict[str, Any]:
        with _value_error_as_400():
            state.clock.advance(seconds)
        return state_summary(state)

    @app.post("/_emulator/release")
    async def release() -> dict[str, Any]:
        state.fault_injector.release()
        return state_summary(state)


def _add_faults(app: FastAPI, state: EmulatorState) -> None:
    @app.get("/_emulator/faults")
    async def faults() -> dict[str, Any]:
        return state.faults.to_json()

    @app.post("/_emulator/faults")
    async def set_faults(settings: dict[str, Any]) -> dict[str, Any]:
        with _value_error_as_400():
            state.faults.set(settings)
        return state.faults.to_json()

    @app.delete("/_emulator/faults")
    async def clear_faults() -> dict[str, Any]:
        state.faults.clear()
        return state.faults.to_json()


def state_summary(state: EmulatorState) -> dict[str, Any]:
    """Return the counters of the introspection API.

    :param state: state of the emulator.
    :return: the counters, as JSON.
    """
    account = state.account
    requests = sorted(state.requests.items())
    return {
        "jobs_made": len(account.jobs),
        "active": account.active,
        "max_active": account.max_active,
        "slots": state.options.slots,
        "charged_units": format(account.charged, "f"),
        "charged_cash": format(account.charged_cash, "f"),
        "requests_total": sum(state.requests.values()),
        "requests": [
            {"method": method, "path": path, "status": status, "count": count}
            for (method, path, status), count in requests
        ],
        "stalled": state.fault_injector.stalled,
        "callbacks": {name: getattr(state.callbacks, name) for name in ("sent", "failed", "waiting")},
        "faults": state.faults.to_json(),
        "time": milliseconds(state.clock.now()),
    }


def task_summary(job: EmulatedTask, now: float) -> dict[str, Any]:
    """Describe one job for the introspection API.

    :param job: the job.
    :param now: the emulator's time in seconds.
    :return: the job as JSON.
    """
    return {
        "number": job.number,
        "task_id": job.task_id,
        "external_task_id": job.external_task_id,
        "endpoint": job.slug,
        "status": job.status(now),
        "failure": job.failure,
        "made_at": milliseconds(job.created_at),
        "ended_at": milliseconds(job.ended_at),
        "slots": job.slots,
        "units": format(job.units(now), "f"),
        "cash": format(job.dollars(now), "f"),
        "body": job.body,
        "body_sha256": job.body_sha256,
        "ignored_fields": job.unknown_fields,
    }


class _value_error_as_400:
    """Convert a :class:`ValueError` to a response with status 400 and its text."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError):
            raise HTTPException(400, str(error)) from error
