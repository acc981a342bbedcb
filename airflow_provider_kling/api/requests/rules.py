# SPDX-License-Identifier: Apache-2.0
"""Rules between the fields of one request, as data.

A rule names the fields it reads. That lets a DAG author hear of a broken rule when the DAG is parsed,
even though other fields of the same request are templates and known only at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class _Deferred:
    """Stands for a value that is known only after Airflow has rendered the task's templates."""

    def __repr__(self) -> str:
        return "<rendered at run time>"


TEMPLATED = _Deferred()


class Rule(NamedTuple):
    """One rule over several fields of a request.

    :param fields: names of the fields the rule reads; the first is the one an error points at.
    :param text: the rule in words, for error texts and the reference tables.
    :param violation: gets the request; returns what is wrong with it in words, or ``None``.
    """

    fields: tuple[str, ...]
    text: str
    violation: Callable[[Any], str | None]

    def is_evaluable(self, request: object) -> bool:
        """Return whether every field that the rule reads is known by now.

        :param request: the request, in which fields may still be templates.
        :return: ``False`` if a template stands in one of them.
        """
        return not any(getattr(request, name) is TEMPLATED for name in self.fields)


def set_fields(request: object, *names: str) -> list[str]:
    """Return those of ``names`` whose fields are set; the vendor reads an empty string as unset.

    :param request: the request.
    :param names: names of fields.
    :return: names of the fields that are set.
    """
    return [name for name in names if getattr(request, name) not in (None, "", [], {})]


def exactly_one(*names: str) -> Rule:
    """Build the rule that exactly one of several fields is set.

    :param names: the fields.
    :return: the rule.
    """
    text = f"exactly one of {join_names(names)} must be given"

    def violation(request: object) -> str | None:
        found = set_fields(request, *names)
        if len(found) == 1:
            return None
        return f"{text}; {join_names(found, 'and') + ' are' if found else 'none is'}"

    return Rule(names, text, violation)


def at_least_one(*names: str) -> Rule:
    """Build the rule that one or more of several fields are set.

    :param names: the fields.
    :return: the rule.
    """
    text = f"at least one of {join_names(names)} must be given"
    return Rule(names, text, lambda request: None if set_fields(request, *names) else f"{text}; none is")


def at_most_one_group(*groups: tuple[str, ...]) -> Rule:
    """Build the rule that only fields of one of several groups are set.

    :param groups: groups of fields.
    :return: the rule.
    """
    text = f"only one of {join_names([' + '.join(group) for group in groups])} can be used in one request"
    names = tuple(name for group in groups for name in group)

    def violation(request: object) -> str | None:
        used = [found for group in groups if (found := set_fields(request, *group))]
        if len(used) <= 1:
            return None
        return f"{text}; given: {', '.join(name for found in used for name in found)}"

    return Rule(names, text, violation)


def requires(name: str, *others: str) -> Rule:
    """Build the rule that a field is set only together with all of some others.

    :param name: the field.
    :param others: fields that it requires.
    :return: the rule.
    """
    text = f"{name} needs {join_names(others, 'and')}"

    def violation(request: object) -> str | None:
        missing = [other for other in others if not set_fields(request, other)]
        return (
            f"{text}; {join_names(missing, 'and')} missing" if set_fields(request, name) and missing else None
        )

    return Rule((name, *others), text, violation)


def required_when(name: str, /, **values: str) -> Rule:
    """Build the rule that a field is set if other fields have certain values.

    :param name: the field.
    :param values: the other fields and their values.
    :return: the rule.
    """
    text = f"{name} must be given when {_format_conditions(values)}"

    def violation(request: object) -> str | None:
        return text if _matches(request, values) and not set_fields(request, name) else None

    return Rule((name, *values), text, violation)


def ignored_unless(name: str, /, **values: str) -> Rule:
    """Build the warning rule that a field has no effect unless other fields have certain values.

    :param name: the field.
    :param values: the other fields and their values.
    :return: the warning rule.
    """
    text = f"{name} has no effect unless {_format_conditions(values)}"

    def violation(request: object) -> str | None:
        return text if set_fields(request, name) and not _matches(request, values) else None

    return Rule((name, *values), text, violation)


def _format_conditions(values: Mapping[str, str]) -> str:
    return " and ".join(f"{key} is {value}" for key, value in values.items())


def _matches(request: object, values: Mapping[str, str]) -> bool:
    return all(getattr(request, key) == value for key, value in values.items())


def orientation_rule(elements: str) -> Rule:
    """Build the warning rule that an element always faces as in the video whose motion is used.

    :param elements: the field that holds the element.
    :return: the warning rule.
    """
    return custom_rule(
        "character_orientation",
        elements,
        text=f"character_orientation has no effect with {elements}: an element always faces as in the video",
        violated=lambda request: request.character_orientation == "image" and set_fields(request, elements),
    )


def required_iff(name: str, key: str, value: str) -> Rule:
    """Build the rule that a field is set if and only if another has a certain value.

    :param name: the field.
    :param key: the other field.
    :param value: its value.
    :return: the rule.
    """
    text = f"{name} must be given when {key} is {value}, and only then"

    def violation(request: object) -> str | None:
        found = getattr(request, key)
        return None if bool(set_fields(request, name)) == (found == value) else f"{text}; {key} is {found}"

    return Rule((name, key), text, violation)


def custom_rule(*fields: str, text: str, violated: Callable[[Any], object]) -> Rule:
    """Build a rule from a predicate that is true for an invalid request.

    :param fields: names of the fields the rule reads.
    :param text: the rule in words.
    :param violated: the predicate.
    :return: the rule.
    """
    return Rule(fields, text, lambda request: text if violated(request) else None)


def join_names(names: tuple[str, ...] | list[str], word: str = "or") -> str:
    """Join names for a sentence: ``a, b or c``.

    :param names: the names.
    :param word: the word before the last name.
    :return: the text.
    """
    *head, last = names
    return f"{', '.join(head)} {word} {last}" if head else last


def did_you_mean(value: Any, words: Sequence[str]) -> str:
    """Return the end of a sentence that names the word which was meant; empty where none comes near.

    :param value: what was given.
    :param words: what could have been meant.
    :return: ``; did you mean 'pro'?`` or nothing.
    """
    if not isinstance(value, str):
        return ""
    from difflib import get_close_matches

    by_text = {word.lower(): word for word in words}
    near = get_close_matches(value.strip().lower(), by_text, 1)
    return f"; did you mean {by_text[near[0]]!r}?" if near else ""
