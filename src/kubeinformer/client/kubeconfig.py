"""Reading kubeconfig files, as kubectl reads them: one file, or several merged.

The rules are those of the Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files": the first
file that has an entry wins, relative paths are relative to the file they stand in, missing files are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kubeinformer.client.config import Config
from kubeinformer.client.kubeconfig_entry import KubeconfigEntry
from kubeinformer.errors import ConfigurationError

_SECTIONS = {"clusters": "cluster", "contexts": "context", "users": "user"}


class _TextLoader(yaml.SafeLoader):
    """Takes every plain scalar but null for text, so that entries may be named 123, 1e3 or on."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own attribute, replaced for this class only
        first: [
            entry for entry in resolvers if entry[0] in {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(slots=True)
class Kubeconfig:
    """One kubeconfig file, or several merged.

    Attributes:
        files: The files it comes from.
        current_context: The context to use where none is asked for, "" for none.
        entries: By section (`clusters`, `contexts`, `users`), then by name.
    """

    files: tuple[Path, ...] = ()
    current_context: str = ""
    entries: dict[str, dict[str, KubeconfigEntry]] = field(
        default_factory=lambda: {section: {} for section in _SECTIONS}
    )

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing at all."""
        return not self.current_context and not any(self.entries.values())

    def config(self, context: str | None = None) -> Config:
        """Return the settings of a context, by default of the current one.

        Raises:
            ConfigurationError: There is no such context, or something that it needs is missing, wrong, or not
                supported; the message names file and entry.
        """
        name = context if context is not None else self.current_context
        if not name:
            raise ConfigurationError(f"{self._where()}: current-context is not set; ask for a context")
        chosen = self._find("contexts", name, "asked for" if context is not None else "current-context")
        cluster = self._find("clusters", chosen.required("cluster"), str(chosen))
        user_name = chosen.text("user")
        user = self._find("users", user_name, str(chosen)) if user_name else None
        settings = _cluster_settings(cluster) | (_user_settings(user) if user else {})
        try:
            return Config(namespace=chosen.text("namespace"), **settings)
        except ConfigurationError as error:
            raise ConfigurationError(f"{chosen}: {error}") from None

    def _find(self, section: str, name: str, wanted_by: str) -> KubeconfigEntry:
        entry = self.entries[section].get(name)
        if entry is None:
            known = ", ".join(repr(other) for other in sorted(self.entries[section])) or "none"
            raise ConfigurationError(
                f"{self._where()}: no {_SECTIONS[section]} {name!r} ({wanted_by}); there is: {known}"
            )
        return entry

    def _where(self) -> str:
        return ", ".join(str(file) for file in self.files)


def read_kubeconfig(paths: Iterable[Path]) -> Kubeconfig:
    """Read and merge the files that exist; those that don't are skipped.

    Raises:
        ConfigurationError: A file can't be read or is not a kubeconfig; the message names file and place.
    """
    merged = Kubeconfig()
    for path in paths:
        if (text := _read(path)) is None:
            continue
        one = _parse(path, text)
        merged.files += one.files
        merged.current_context = merged.current_context or one.current_context
        for section, entries in one.entries.items():
            merged.entries[section] = entries | merged.entries[section]
    return merged


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error


def _parse(path: Path, text: bytes) -> Kubeconfig:
    document = _load_yaml(path, text)
    if document is None:
        return Kubeconfig((path,))
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: not a kubeconfig: the file must hold a mapping")
    current = document.get("current-context")
    if current is not None and not isinstance(current, str):
        raise ConfigurationError(f"{path}: current-context: must be a text")
    entries = {section: _parse_section(path, section, document.get(section)) for section in _SECTIONS}
    return Kubeconfig((path,), current or "", entries)


def _load_yaml(path: Path, text: bytes) -> object:
    """Decode a file; PyYAML's own messages may show a secret, so only the place is passed on."""
    try:
        return yaml.load(text, _TextLoader)  # noqa: S506  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ConfigurationError(f"{path}: not valid YAML{place}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigurationError(f"{path}: not valid YAML: it is no text, or nested without end") from None


def _parse_section(path: Path, section: str, items: object) -> dict[str, KubeconfigEntry]:
    if items is None:
        return {}
    if not isinstance(items, list):
        raise ConfigurationError(f"{path}: {section}: must be a list")
    found: dict[str, KubeconfigEntry] = {}
    for position, item in enumerate(items):
        entry = _parse_entry(path, section, f"{section}[{position}]", item)
        if entry.name in found:
            raise ConfigurationError(
                f"{path}: {section}[{position}]: the name {entry.name!r} stands here twice"
            )
        found[entry.name] = entry
    return found


def _parse_entry(path: Path, section: str, place: str, item: object) -> KubeconfigEntry:
    if not isinstance(item, dict):
        raise ConfigurationError(f"{path}: {place}: must be a mapping")
    name = item.get("name")
    if not isinstance(name, str):
        raise ConfigurationError(f"{path}: {place}: has no name")
    kind = _SECTIONS[section]
    fields = item.get(kind)
    if fields is not None and not isinstance(fields, dict):
        raise ConfigurationError(f"{path}: {place}: {kind} must be a mapping")
    return KubeconfigEntry(path, kind, name, fields or {})


def _cluster_settings(cluster: KubeconfigEntry) -> dict[str, Any]:
    ca_data = cluster.data("certificate-authority-data")  # data wins over a file, as in kubectl
    return {
        "server": cluster.required("server"),
        "ca_data": ca_data,
        "ca_file": cluster.path("certificate-authority") if ca_data is None else None,
        "insecure_skip_tls_verify": cluster.flag("insecure-skip-tls-verify"),
        "tls_server_name": cluster.text("tls-server-name"),
        "proxy_url": cluster.text("proxy-url"),
    }


def _user_settings(user: KubeconfigEntry) -> dict[str, Any]:
    for unsupported in ("exec", "auth-provider"):
        if user.has(unsupported):
            raise ConfigurationError(f"{user}: {unsupported}: not supported yet")
    token_file = user.path("tokenFile")  # the file wins over a token, as the API type documents
    certificate, key = user.data("client-certificate-data"), user.data("client-key-data")
    return {
        "token": user.text("token") if token_file is None else None,
        "token_file": token_file,
        "username": user.text("username"),
        "password": user.text("password"),
        "client_certificate_data": certificate,
        "client_certificate": user.path("client-certificate") if certificate is None else None,
        "client_key_data": key,
        "client_key": user.path("client-key") if key is None else None,
        "impersonate_user": user.text("as"),
        "impersonate_uid": user.text("as-uid"),
        "impersonate_groups": user.texts("as-groups"),
        "impersonate_extra": user.text_lists("as-user-extra"),
    }
