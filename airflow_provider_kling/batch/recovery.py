# SPDX-License-Identifier: Apache-2.0
"""What a new try does with the rows that an earlier one has left: a decision without I/O."""

from __future__ import annotations

from enum import Enum

from .entry import Entry, State


class Step(Enum):
    """What is to be done with a row before anything new is submitted."""

    LEAVE = "leave"
    """Nothing: it is done, or stays lost."""
    OPEN = "open"
    """Submit it when its turn comes."""
    ATTACH = "attach"
    """Wait for its job."""
    ASK = "ask"
    """Ask Kling whether its job was made."""
    GIVE_UP = "give_up"
    """Nobody can say whether its job was made."""


_AGAIN = (State.OPEN, State.FAILED, State.INVALID)
_AGAIN_AFTER_A_CLEAR = (State.REFUSED, State.EXPIRED)
_UNCERTAIN = (State.PLANNED, State.UNKNOWN)


def next_step(line: Entry, *, looks_up: bool, at_once: bool, generation: int) -> Step:
    """Tell what to do with a row of an earlier try.

    A retry does again what failed. What a person should look at first is done again after a clear, by which
    a person says so: content that was refused, results that have expired, outcomes that nobody knows.

    :param looks_up: a job can be found by its name.
    :param at_once: the endpoint is synchronous: what it answered is lost with the try that asked.
    :param generation: which clear of the task this is.
    """
    cleared = generation > line.generation
    if line.state in _AGAIN or (cleared and line.state in _AGAIN_AFTER_A_CLEAR):
        return Step.OPEN
    if line.state is State.SUBMITTED:
        return Step.OPEN if at_once else Step.ATTACH
    if line.state in _UNCERTAIN:
        return Step.ASK if looks_up else _unanswered(line, at_once=at_once, cleared=cleared)
    return Step.LEAVE


def _unanswered(line: Entry, *, at_once: bool, cleared: bool) -> Step:
    if at_once or cleared:
        return Step.OPEN
    return Step.GIVE_UP if line.state is State.PLANNED else Step.LEAVE
