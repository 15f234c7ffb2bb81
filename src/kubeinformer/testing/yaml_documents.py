"""YAML as Kubernetes takes it: one document or several, JSON included."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def from_yaml(text: str | bytes) -> Any:
    """Return the one document in a text.

    Raises:
        ValueError: It is neither JSON nor YAML.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - the loader is the safe one, in C where it is there
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def all_from_yaml(text: str | bytes) -> list[Any]:
    """Return the documents in a text, empty ones left out.

    Raises:
        ValueError: It is not YAML.
    """
    try:
        return [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
