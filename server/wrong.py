"""What pydantic found wrong with settings, or with what was sent, in words of ours. The value is not shown: it may be a
password."""

from collections.abc import Mapping
from typing import Any

from server.errors import Told

_SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "json_invalid": "is not JSON",
    "string_type": "must be text",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "must be at least {min_length} characters",
    "string_pattern_mismatch": "is not written as it must be",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number, and not as large",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be {ge} at least",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} at most",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "dict_type": "must be an object with fields",
    "model_type": "must be an object with fields",
    "model_attributes_type": "must be an object with fields",
    "date_type": "must be a day like 2026-11-30",
    "date_parsing": "must be a day like 2026-11-30",
    "date_from_datetime_parsing": "must be a day like 2026-11-30",
    "date_from_datetime_inexact": "must be a day like 2026-11-30",
    "path_type": "must be a path",
    "uuid_parsing": "must be an id as the server gives it",
}


def wrong(detail: Mapping[str, Any]) -> Told:
    """One of pydantic's ErrorDetails, without a full stop; what is not known here as pydantic says it."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("literal_error", "enum"):
        words = filter(None, str(context["expected"]).split("'")[1::2])  # "" is one where the field may be left out
        return Told("must be one of: {words}", words=", ".join(words))
    if kind == "string_too_short" and context["min_length"] == 1:
        return Told("is empty")
    if kind == "value_error":
        return Told(str(context["error"]).rstrip("."))
    if kind in _SENTENCES:
        return Told(_SENTENCES[kind], **context)
    return Told(str(detail["msg"]).rstrip("."))
