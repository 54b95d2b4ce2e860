"""The words for a value that validation refused. They name the rule and never the value.

pydantic's own messages, inputs and contexts may hold what was sent, a password for one; none of them goes out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import PydanticCustomError

# Enough to mend a form; a body full of faults gets no long answer.
MAX_FAULTS = 16
_MAX_NAME_CHARACTERS = 64
_REFUSED = "refused"

_WORDS = {
    "missing": "This is required.",
    "extra_forbidden": "This is not known here.",
    "frozen_field": "This cannot be set.",
    "string_type": "This must be a string.",
    "string_sub_type": "This must be a string.",
    "string_unicode": "This must be a string.",
    "string_pattern_mismatch": "This has not the right form.",
    "string_too_short": "This must have at least {min_length} characters.",
    "string_too_long": "This may have at most {max_length} characters.",
    "string_not_ascii": "This may hold ASCII characters only.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "int_parsing_size": "This must be a whole number of a sensible size.",
    "int_from_float": "This must be a whole number.",
    "float_type": "This must be a number.",
    "float_parsing": "This must be a number.",
    "finite_number": "This must be a number.",
    "greater_than": "This must be more than {gt}.",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than": "This must be less than {lt}.",
    "less_than_equal": "This may be at most {le}.",
    "list_type": "This must be a list.",
    "tuple_type": "This must be a list.",
    "set_type": "This must be a list.",
    "frozen_set_type": "This must be a list.",
    "too_short": "This must have at least {min_length} items.",
    "too_long": "This may have at most {max_length} items.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
    "dataclass_type": "This must be an object.",
    "none_required": "This must be null.",
    "enum": "This is not one of the accepted values.",
    "literal_error": "This is not one of the accepted values.",
    "uuid_type": "This must be a UUID.",
    "uuid_parsing": "This must be a UUID.",
    "is_instance_of": "This has not the right form.",
    "datetime_type": "This must be a time such as 2026-01-31T12:00:00Z.",
    "datetime_parsing": "This must be a time such as 2026-01-31T12:00:00Z.",
    "datetime_from_date_parsing": "This must be a time such as 2026-01-31T12:00:00Z.",
    "timezone_aware": "This must be a time with its zone, such as 2026-01-31T12:00:00Z.",
    "url_type": "This must be a URL.",
    "url_parsing": "This must be a URL.",
    "url_scheme": "This must be a URL of another scheme.",
}
_OTHERWISE = "This is not right."
# Bounds come from our own declarations; anything else in a context may come from the caller.
_BOUNDS = ("min_length", "max_length", "gt", "ge", "lt", "le")


def refused(words: str) -> PydanticCustomError:
    """What a validator of ours raises: `words` are shown as they stand, so they must not quote the value."""
    return PydanticCustomError(_REFUSED, "{words}", {"words": words})


def describe(error: Mapping[str, Any]) -> str:
    """The words for one of pydantic's error details."""
    kind = error["type"]
    context = error.get("ctx", {})
    if kind == _REFUSED:
        return str(context["words"])
    bounds = {name: context[name] for name in _BOUNDS if isinstance(context.get(name), int | float)}
    try:
        return _WORDS.get(kind, _OTHERWISE).format(**bounds)
    except KeyError:
        return _OTHERWISE


def body_faults(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Pydantic's error details as members of a problem's `errors`, for a body validated by itself."""
    return [
        {"pointer": pointer(error["loc"]), "detail": describe(error)}
        for error, _ in zip(errors, range(MAX_FAULTS), strict=False)
    ]


def request_faults(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """FastAPI's error details as members of a problem's `errors`.

    A fault outside the body has an empty pointer and names its `parameter`.
    """
    faults = []
    for error, _ in zip(errors, range(MAX_FAULTS), strict=False):
        place, *rest = error["loc"]
        fault = {"pointer": pointer(rest) if place == "body" else "", "detail": describe(error)}
        if place != "body":
            fault["parameter"] = _name(rest[0]) if rest else str(place)
        faults.append(fault)
    return faults


def pointer(location: Sequence[object]) -> str:
    """A JSON pointer. Names that the caller made up are cut. Spec: RFC 6901 §3."""
    return "".join(f"/{_name(part)}" for part in location)


def _name(part: object) -> str:
    return str(part)[:_MAX_NAME_CHARACTERS].replace("~", "~0").replace("/", "~1")
