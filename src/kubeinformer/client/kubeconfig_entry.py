"""One cluster, context or user of a kubeconfig file, read field by field."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubeinformer.errors import ConfigurationError

_TRUE = frozenset({"true", "yes", "on", "y"})  # YAML 1.1, as kubectl reads it
_FALSE = frozenset({"false", "no", "off", "n"})


@dataclass(frozen=True, slots=True)
class KubeconfigEntry:
    """An entry, and where it stands. A field that is missing, null or an empty text counts as not given.

    Each reader raises ConfigurationError where a field has the wrong shape; the message names file, entry and
    field, never the value, which may be a secret.

    Attributes:
        file: The file it stands in.
        kind: `cluster`, `context` or `user`.
        name: Its name.
        fields: What it says.
    """

    file: Path
    kind: str
    name: str
    fields: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.file}: {self.kind} {self.name!r}"

    def has(self, name: str) -> bool:
        """Return whether a field is given, whatever it holds."""
        return self.fields.get(name) not in (None, "")

    def text(self, name: str) -> str | None:
        """Return a text, None where it is not given."""
        if not self.has(name):
            return None
        return self._text(name, self.fields[name])

    def required(self, name: str) -> str:
        """Return a text that the entry must have."""
        value = self.text(name)
        if value is None:
            raise ConfigurationError(f"{self}: {name}: is missing")
        return value

    def path(self, name: str) -> Path | None:
        """Return a path; a relative one is relative to the file of the entry."""
        value = self.text(name)
        return self.file.absolute().parent / value if value is not None else None

    def data(self, name: str) -> bytes | None:
        """Return what a base64 text (line breaks in it are fine) stands for."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            raise ConfigurationError(f"{self}: {name}: is not valid base64") from None

    def flag(self, name: str) -> bool:
        """Return a boolean, False where it is not given."""
        value = (self.text(name) or "false").lower()
        if value not in _TRUE | _FALSE:
            raise ConfigurationError(f"{self}: {name}: must be true or false")
        return value in _TRUE

    def texts(self, name: str) -> list[str]:
        """Return a list of texts, empty where it is not given."""
        return self._texts(name, self.fields[name]) if self.has(name) else []

    def text_lists(self, name: str) -> dict[str, list[str]]:
        """Return a mapping from text to lists of texts, empty where it is not given."""
        if not self.has(name):
            return {}
        value = self.fields[name]
        if not isinstance(value, dict):
            raise ConfigurationError(f"{self}: {name}: must be a mapping")
        return {self._text(name, key): self._texts(name, values) for key, values in value.items()}

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str):
            raise ConfigurationError(f"{self}: {name}: must be a text")
        return value

    def _texts(self, name: str, value: object) -> list[str]:
        if not isinstance(value, list):
            raise ConfigurationError(f"{self}: {name}: must be a list")
        return [self._text(name, item) for item in value]
