# SPDX-License-Identifier: Apache-2.0
"""Errors of rows that one account refuses and no other may submit."""

from __future__ import annotations

from collections.abc import Sequence

from ..exceptions import JobState, KlingAccountError, KlingError, KlingWaitInterrupted


def closed_error(conn_id: str | None) -> KlingAccountError:
    """Return the error for a row whose account has refused earlier rows.

    :param conn_id: connection of the account.
    :return: the error.
    """
    return KlingAccountError(
        f"Top up the account of {conn_id!r}: it has refused other rows for credit or permission.",
        job=JobState.NOT_CREATED,
    )


def bound_error(conn_id: str | None, fields: Sequence[str], error: KlingError) -> KlingAccountError:
    """Return the error for a row with ids that only the refusing account has.

    :param conn_id: connection of the account.
    :param fields: the fields with these ids.
    :param error: the refusal.
    :return: the error.
    """
    return KlingAccountError(
        f"Top up the account of {conn_id!r}: only it has what {' and '.join(fields)} names, so no other is "
        f"tried. {error.message}",
        code=error.code,
        job=JobState.NOT_CREATED,
    )


def unproven_error(conn_id: str | None, error: KlingError) -> KlingAccountError:
    """Return the error for a row whose account has no look-up for its job.

    :param conn_id: connection of the account.
    :param error: the refusal.
    :return: the error.
    """
    return KlingAccountError(
        f"Top up the account of {conn_id!r}: nothing can prove there that it has no job, so no other is "
        f"tried. {error.message}",
        code=error.code,
        job=JobState.NOT_CREATED,
    )


def unknown_error(advice: str, error: KlingError) -> KlingWaitInterrupted:
    """Return the error for a row whose job may exist.

    :param advice: what to do.
    :param error: the refusal.
    :return: the error.
    """
    return KlingWaitInterrupted(f"{advice} {error.message}", code=error.code, job=JobState.MAY_EXIST)
