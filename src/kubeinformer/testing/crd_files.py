"""CustomResourceDefinitions as tests have them: as mappings, or in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubeinformer.testing.yaml_documents import all_from_yaml

_SUFFIXES = {".yaml", ".yml", ".json"}

Definitions = Mapping[str, Any] | str | Path


def definitions_in(*given: Definitions) -> Iterator[Mapping[str, Any]]:
    """Yield the definitions in what is given: mappings, files of YAML or JSON documents, folders of such files.

    Documents of other kinds are left out, as the folders of a project hold them.

    Raises:
        OSError: A file cannot be read.
        ValueError: A file is not YAML, or there is no definition in it; the message names it.
    """
    for entry in given:
        if isinstance(entry, Mapping):
            yield entry
        else:
            yield from _in_path(Path(entry))


def _in_path(path: Path) -> Iterator[Mapping[str, Any]]:
    files = (
        sorted(child for child in path.iterdir() if child.suffix in _SUFFIXES) if path.is_dir() else [path]
    )
    found = [definition for file in files for definition in _in_file(file)]
    if not found:
        raise ValueError(f"no CustomResourceDefinition in {path}")
    yield from found


def _in_file(file: Path) -> list[Mapping[str, Any]]:
    try:
        documents = all_from_yaml(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return [
        document
        for document in documents
        if isinstance(document, dict) and document.get("kind") == "CustomResourceDefinition"
    ]
