"""Decoding an object's JSON into the type that a program asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T")
# The models' own checks refuse the nulls that real objects have in required fields.
_NO_VALIDATION = SimpleNamespace(client_side_validation=False)
_CONTAINER = re.compile(r"(list\[|dict\(str, )(.+)[\])]")


def decode_as(raw: bytes, model: type[T]) -> T:
    """Return the JSON in `raw` as a `model`: msgspec's types, a pydantic model, or an official client's model.

    Raises:
        msgspec.ValidationError: The JSON does not fit a type that msgspec knows.
        pydantic.ValidationError: The JSON does not fit a pydantic model.
    """
    target: Any = model
    return cast("T", _decoder(target)(raw))


@cache
def _decoder(model: Any) -> Callable[[bytes], Any]:
    if hasattr(model, "openapi_types"):
        # From version 37 on, the official client's models are pydantic with a loader of their own.
        load = getattr(model, "from_dict", None) or partial(_generated_model, model)
        return lambda raw: load(msgspec.json.decode(raw))
    if hasattr(model, "model_validate_json"):
        return cast("Callable[[bytes], Any]", model.model_validate_json)
    return msgspec.json.Decoder(model).decode


def _generated_model(model: Any, value: dict[str, Any]) -> Any:
    """Fill a model of the older generator (official client before 37, kubernetes_asyncio)."""
    models = import_module(model.__module__.rpartition(".")[0])
    arguments = {
        attribute: _generated_value(value.get(field), model.openapi_types[attribute], models)
        for attribute, field in model.attribute_map.items()
    }
    return model(local_vars_configuration=_NO_VALIDATION, **arguments)


def _generated_value(value: Any, declared: str, models: Any) -> Any:
    if value is None:
        return None
    if container := _CONTAINER.fullmatch(declared):
        inner = container[2]
        if isinstance(value, dict):
            return {key: _generated_value(item, inner, models) for key, item in value.items()}
        return [_generated_value(item, inner, models) for item in value]
    if declared == "datetime":
        return datetime.fromisoformat(value)
    model = getattr(models, declared, None)
    return value if model is None else _generated_model(model, value)
