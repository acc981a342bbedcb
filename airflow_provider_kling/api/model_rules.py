# SPDX-License-Identifier: Apache-2.0
"""The rules that follow from the table of models: what a request may ask of the model it names.

The table is Kling's own. A model that lives there refuses what it cannot do, and names the models that can. A
model that the table does not know is not checked and warns. A retired one lives on behind gateways only, and
what such a host can do is not documented: there the same rules only warn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from .models import EMPTY, MODELS, V2_MODELS, V2_TO_V1_NAMES, ModelCapabilities, Values, active_models
from .requests.rules import Rule, did_you_mean, join_names, set_fields


class Feature(NamedTuple):
    """Something only some models can do.

    :param fields: the fields it shows in.
    :param words: its name in a sentence.
    :param used: whether a request uses it.
    """

    fields: Values
    words: str
    used: Callable[[Any], bool]


def _field(name: str) -> Feature:
    return Feature((name,), name, lambda request: bool(set_fields(request, name)))


FEATURES: Mapping[str, Feature] = {
    "sound": Feature(("sound",), "sound='on'", lambda request: request.sound == "on"),
    "native_audio": Feature(("audio",), "audio='native'", lambda request: request.audio == "native"),
    "multi_shot": Feature(("multi_shot",), "multi_shot", lambda request: request.multi_shot is True),
    "tail_only": Feature(
        ("image_tail", "image"),
        "image_tail without image",
        lambda request: bool(set_fields(request, "image_tail")) and not set_fields(request, "image"),
    ),
    "series": Feature(
        ("result_type",), "result_type='series'", lambda request: request.result_type == "series"
    ),
    **{
        name: _field(name)
        for name in (
            "image_tail",
            "static_mask",
            "dynamic_masks",
            "camera_control",
            "element_list",
            "voice_list",
            "last_frame",
            "elements",
            "voices",
            "image_reference",
            "image_fidelity",
            "human_fidelity",
        )
    },
}

Table = Mapping[str, ModelCapabilities]
"""Models of one endpoint by name."""

MAX_LISTED_VALUES = 3
"""Values up to which a text names each; more are in order and read as from-to."""

_DEFAULTS: Mapping[str, str] = {
    "mode": "std",
    "duration": "5",
    "sound": "off",
    "audio": "off",
    "resolution": "720p",
}
"""What the vendor reads into an unset field that a condition looks at."""


_V2_ENDPOINTS: Mapping[str, str] = {
    "videos/text2video": "text-to-video",
    "videos/image2video": "image-to-video",
    "videos/omni-video": "omni-video",
    "videos/motion-control": "motion-control",
}
"""Endpoints of v1 to the ones of API 2.0 that do the same."""

_V2_OPERATORS: Mapping[str, str] = {
    "text-to-video": "KlingTextToVideo2Operator",
    "image-to-video": "KlingImageToVideo2Operator",
    "omni-video": "KlingOmniVideo2Operator",
    "motion-control": "KlingMotionControl2Operator",
}


def model_rules(slug: str, *, ignored_when: Sequence[Rule] = ()) -> tuple[Rule, ...]:
    """Build the rules that limit a request to what its model supports.

    :param slug: the endpoint; its request has a field ``model_name``.
    :param ignored_when: rules that are violated when their first field has no effect; it may hold any value.
    :return: the rules, to be checked in this order.
    """
    active = {name: MODELS[slug][name] for name in active_models(slug)}
    # A name in v1 may be right at a gateway; what is newer is Kling's alone.
    offered = (model_available_rule(slug),) if slug in V2_MODELS else ()
    value_rules = _value_rules(slug, active, {hint.fields[0]: hint for hint in ignored_when})
    return (*offered, *value_rules, *_condition_rules(slug, active))


def model_warnings(slug: str) -> tuple[Rule, ...]:
    """Build the warnings about the model of a request: unknown, of another endpoint, or retired.

    :param slug: the endpoint; its request has a field ``model_name``.
    :return: rules that warn only.
    """
    unknown = Rule(
        ("model_name",), "an unknown model is sent unchecked", lambda r: _unknown_model_warning(slug, r)
    )
    elsewhere = () if slug in V2_MODELS else (_wrong_endpoint_warning(slug),)
    retired_models = {name: model for name, model in MODELS[slug].items() if model.retired}
    if not retired_models:
        return (unknown, *elsewhere)
    text = f"{join_names([*retired_models], 'and')} may be rejected: retired"
    retired = Rule(("model_name",), text, lambda request: retirement_message(slug, request.model_name))
    retired_value_rules = _value_rules(slug, retired_models)
    return (
        *(unknown, *elsewhere, retired),
        *([_combine(retired_value_rules)] if retired_value_rules else []),
        *_condition_rules(slug, retired_models),
    )


def model_available_rule(slug: str) -> Rule:
    """Build the rule that the endpoint has the model of a request, if Kling has the model at all.

    :param slug: the endpoint; its request has a field ``model_name``.
    :return: the rule.
    """
    return Rule(
        ("model_name",),
        f"model_name must be a model of {slug}",
        lambda request: _wrong_endpoint_message(slug, request.model_name),
    )


def _value_rules(slug: str, models: Table, ignored_when: Mapping[str, Rule] = EMPTY) -> list[Rule]:
    """Make the rules for the values and the features that the named models have."""
    taken = dict.fromkeys(name for model in models.values() for name in model.allowed)
    supporting = {
        name for name in _features(slug) if all(name in model.features for model in models.values())
    }
    return [
        *(_allowed_value_rule(slug, models, name, ignored_when.get(name)) for name in taken),
        *(_feature_rule(slug, models, name) for name in _features(slug) if name not in supporting),
    ]


def _condition_rules(slug: str, models: Table) -> list[Rule]:
    """Make the rules for what the features of the named models need."""
    needs = {
        (name, key): None
        for name in _features(slug)
        for model in models.values()
        for key in model.features.get(name, ())
    }
    return [_feature_condition_rule(slug, models, name, key) for name, key in needs]


def _features(slug: str) -> list[str]:
    """Features that some model of an endpoint has."""
    return list(dict.fromkeys(name for model in MODELS[slug].values() for name in model.features))


def _ignores_cfg_scale(request: Any) -> str | None:
    name = request.model_name
    if (
        request.cfg_scale is None
        or name.startswith("kling-v1")
        or not _endpoints_of_model("videos/text2video", name)
    ):
        return None
    return f"cfg_scale has no effect: {name} ignores it, only v1 models use it"


CFG_SCALE_WARNING = Rule(
    ("cfg_scale", "model_name"), "cfg_scale has an effect with v1 models only", _ignores_cfg_scale
)


def _endpoints_of_model(slug: str, name: str) -> list[str]:
    """Endpoints of the same generation of the API at which a model is known."""
    same = [other for other in MODELS if (other in V2_MODELS) is (slug in V2_MODELS)]
    return [other for other in same if name in MODELS[other]]


def _unknown_model_warning(slug: str, request: Any) -> str | None:
    name = request.model_name
    if name is None or _endpoints_of_model(slug, name) or v2_model_message(slug, name):
        return None
    return (
        f"model_name {name!r} is unknown to this version of the provider: it is sent unchecked"
        f"{suggest_model(slug, name)}"
    )


def v2_model_message(slug: str, name: Any) -> str | None:
    """Say that a model is of API 2.0 while the endpoint is not, and what to write.

    :param slug: the endpoint.
    :param name: what ``model_name`` holds.
    :return: the sentence; ``None`` of every other model.
    """
    if slug in V2_MODELS or not isinstance(name, str) or name not in V2_TO_V1_NAMES:
        return None
    endpoints = [other for other in V2_MODELS if name in V2_MODELS[other]]
    same = _V2_ENDPOINTS.get(slug)
    operators = [_V2_OPERATORS[other] for other in ([same] if same in endpoints else endpoints)]
    older = V2_TO_V1_NAMES[name]
    write = f"write {older!r}, or use" if older in MODELS.get(slug, EMPTY) else "use"
    instead = f"; v1 calls this model {older!r}" if older else ""
    return (
        f"model_name {name!r} is not in v1: {write} {join_names(operators)} (it is of Kling's API 2.0,"
        f" not to the /v1/ paths used here: see {join_names(endpoints, 'and')}{instead})"
    )


def suggest_model(slug: str, name: Any) -> str:
    """Return the end of a sentence that names the model which was meant; empty where none comes near.

    A name with other digits is no slip: it may be a model of tomorrow.

    :param slug: the endpoint.
    :param name: what ``model_name`` holds.
    :return: ``; did you mean 'kling-v3'?``, the endpoint that has the model, or nothing.
    """
    known = MODELS.get(slug, EMPTY)
    if not isinstance(name, str) or name in known:
        return ""
    if others := [other for other, models in MODELS.items() if name in models]:
        return f"; it is a model of {' and '.join(others)}"
    return did_you_mean(name, [word for word in known if _digits(word) == _digits(name)])


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))


def retirement_message(slug: str, name: Any) -> str | None:
    """Return when a model was retired and its successor.

    :param slug: the endpoint.
    :param name: what ``model_name`` holds.
    :return: the message; ``None`` if the model is active or unknown.
    """
    model = MODELS.get(slug, EMPTY).get(name) if isinstance(name, str) else None
    if model is None or not model.retired:
        return None
    return (
        f"model_name {name!r} was retired by Kling, use instead: {model.successor}"
        f" (retired by Kling on {model.retired} and rejected there; a gateway may still have it)"
    )


def _combine(rules: list[Rule]) -> Rule:
    def violation(request: Any) -> str | None:
        found = (rule.violation(request) for rule in rules if rule.is_evaluable(request))
        return "; ".join(what for what in found if what) or None

    return Rule(("model_name",), "fields that a retired model did not support may be rejected", violation)


def _wrong_endpoint_warning(slug: str) -> Rule:
    def violation(request: Any) -> str | None:
        what = _wrong_endpoint_message(slug, request.model_name)
        return what and f"{what}; a gateway may have it here, too"

    return Rule(("model_name",), f"a model that Kling does not have at {slug} may be rejected", violation)


def _wrong_endpoint_message(slug: str, name: str | None) -> str | None:
    if words := v2_model_message(slug, name):
        return words
    endpoints = _endpoints_of_model(slug, name) if name else []
    if not name or slug in endpoints:
        return None
    if endpoints:
        elsewhere = f"a model of {join_names(endpoints, 'and')}, not of {slug}"
        use = _format_active_models(slug, lambda _: True, "use {} here")
        home = min(endpoints, key=lambda other: other.split("/", 1)[0] != slug.split("/", 1)[0])
        # What to do stands within the part of a line that Airflow's UI shows.
        remedy = f"of {home}{use}; it is " if use else ""
        return f"model_name {name!r} is {remedy}{elsewhere}"
    here = _format_active_models(slug, lambda _: True, "models here: {}")
    newer = next((new for new, old in V2_TO_V1_NAMES.items() if old == name), None)
    if slug in V2_MODELS and newer:
        return f"model_name {name!r} is v1's name of {newer!r}{here}"
    return None


def _allowed_value_rule(slug: str, models: Table, name: str, ignored_when: Rule | None) -> Rule:
    def violation(request: Any) -> str | None:
        value, model = getattr(request, name), models.get(request.model_name)
        if model is None or value is None or name not in model.allowed or str(value) in model.allowed[name]:
            return None
        if ignored_when and ignored_when.violation(request):
            return None
        accepted = model.allowed[name]
        limit = f"accepts {name} {_format_values(accepted)}" if accepted else f"does not accept {name}"
        instead = _format_active_models(
            slug,
            lambda other: name not in other.allowed or str(value) in other.allowed[name],
            f"{name} {value} is possible with {{}}",
        )
        return f"{request.model_name} {limit}; given: {value}{instead}"

    limited: dict[str, list[str]] = {}
    for model_name, model in models.items():
        if name in model.allowed:
            limited.setdefault(_format_values(model.allowed[name]), []).append(model_name)
    each = [f"{values} with {join_names(names, 'and')}" for values, names in limited.items()]
    fields = dict.fromkeys((name, "model_name", *(ignored_when.fields if ignored_when else ())))
    return Rule(tuple(fields), f"{name} must be {'; '.join(each)}", violation)


def _feature_rule(slug: str, models: Table, name: str) -> Rule:
    feature = FEATURES[name]

    def violation(request: Any) -> str | None:
        model = models.get(request.model_name)
        if model is None or name in model.features or not feature.used(request):
            return None
        instead = _format_active_models(
            slug, lambda other: name in other.features, f"{feature.words} is possible with {{}}"
        )
        return f"{request.model_name} cannot use {feature.words}{instead}"

    supporting = [
        model_name for model_name in active_models(slug) if name in MODELS[slug][model_name].features
    ]
    text = (
        f"{feature.words} can be used with {join_names(supporting) if supporting else 'retired models'} only"
    )
    return Rule((*feature.fields, "model_name"), text, violation)


def _feature_condition_rule(slug: str, models: Table, name: str, key: str) -> Rule:
    feature, top = FEATURES[name], key.partition(".")[0]

    def violation(request: Any) -> str | None:
        model = models.get(request.model_name)
        accepted = model.features.get(name, EMPTY).get(key) if model else None
        if accepted is None or not feature.used(request):
            return None
        value = attrgetter(key)(request)
        if (value or _DEFAULTS.get(key)) in accepted:
            return None
        shown = value or f"unset, which means {_DEFAULTS.get(key)}"
        free = _format_active_models(
            slug, lambda other: _is_unconditional(other, name, key), "not so with {}"
        )
        return (
            f"{request.model_name} can use {feature.words} only with {key} {join_names(accepted)}"
            f" ({key} is {shown}){free}"
        )

    fields = tuple(dict.fromkeys((*feature.fields, top, "model_name")))
    needed: dict[Values, list[str]] = {}
    for model_name, row in models.items():
        if accepted := row.features.get(name, EMPTY).get(key):
            needed.setdefault(accepted, []).append(model_name)
    each = [f"{key} {join_names(values)} with {join_names(names)}" for values, names in needed.items()]
    return Rule(fields, f"{feature.words} needs {'; '.join(each)}", violation)


def _format_values(values: Values) -> str:
    if not values:
        return "unset"
    return join_names(values) if len(values) <= MAX_LISTED_VALUES else f"{values[0]} to {values[-1]}"


def _is_unconditional(model: ModelCapabilities, name: str, key: str) -> bool:
    usable = name in model.features and key not in model.features[name]
    return usable and (key in model.features or key not in FEATURES)


def _format_active_models(slug: str, fits: Callable[[ModelCapabilities], bool], words: str) -> str:
    names = [name for name in active_models(slug) if fits(MODELS[slug][name])]
    return f"; {words.format(join_names(names))}" if names else ""
