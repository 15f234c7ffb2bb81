"""The query parameters of a list and a watch, and the combinations that the server refuses.

The rules are those of apimachinery 0.37, `ValidateListOptions`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kubeinformer.testing.api_server.refusals import (
    Cause,
    Refusal,
    bad_request,
    internal_error,
    invalid_options,
)

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_VERSION = re.compile(r"[0-9]{1,19}")
_MATCH = "resourceVersionMatch"


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list or a watch asks for.

    Attributes:
        watch: Whether it is a watch.
        resource_version: As given, "" for none.
        match: `Exact`, `NotOlderThan` or "".
        limit: The largest number of items, 0 for no limit.
        continue_token: Where to go on, "" for a new list.
        label_selector: As given.
        field_selector: As given.
        timeout_seconds: When a watch ends, None for never.
        bookmarks: Whether a watch gets bookmarks.
        send_initial_events: Whether a watch begins with all objects (KEP-3157); None where it does not say.
    """

    watch: bool = False
    resource_version: str = ""
    match: str = ""
    limit: int = 0
    continue_token: str = ""
    label_selector: str = ""
    field_selector: str = ""
    timeout_seconds: float | None = None
    bookmarks: bool = False
    send_initial_events: bool | None = None

    @property
    def version(self) -> int:
        """The resourceVersion as a number, 0 for none.

        Raises:
            Refusal: It is no number: 400 for a list, 500 for a watch.
        """
        if not self.resource_version:
            return 0
        if _VERSION.fullmatch(self.resource_version) is None:
            fault = f'strconv.ParseUint: parsing "{self.resource_version}": invalid syntax'
            raise self._invalid_version(f'resourceVersion: Invalid value: "{self.resource_version}": {fault}')
        return int(self.resource_version)

    def _invalid_version(self, message: str) -> Refusal:
        return internal_error(message) if self.watch else bad_request(f"invalid resource version: {message}")

    @property
    def begins_with_all_objects(self) -> bool:
        """Whether a watch begins with an ADDED event for each object; without a version it does unless told not to."""
        return bool(self.send_initial_events) or (self.send_initial_events is None and self.version == 0)


def asks_for_watch(query: Mapping[str, str]) -> bool:
    """Return whether the parameters of a GET on a collection make it a watch."""
    return _truth(query, "watch") is True


def parse_list_options(query: Mapping[str, str]) -> ListOptions:
    """Return what the parameters say.

    Raises:
        Refusal: One cannot be read (400), or they contradict each other (422).
    """
    timeout = _integer(query, "timeoutSeconds")
    options = ListOptions(
        watch=asks_for_watch(query),
        resource_version=query.get("resourceVersion", ""),
        match=query.get(_MATCH, ""),
        limit=max(0, _integer(query, "limit")),
        continue_token=query.get("continue", ""),
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
        timeout_seconds=float(timeout) if timeout > 0 else None,
        bookmarks=_truth(query, "allowWatchBookmarks") is True,
        send_initial_events=_truth(query, "sendInitialEvents"),
    )
    causes = _watch_faults(options) if options.watch else _list_faults(options)
    if causes:
        raise invalid_options(causes)
    return options


def _list_faults(options: ListOptions) -> list[Cause]:
    causes = []
    if options.match:
        if not options.resource_version:
            causes.append(_forbidden(_MATCH, f"{_MATCH} is forbidden unless resourceVersion is provided"))
        if options.continue_token:
            causes.append(_forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided"))
        if options.match not in {"Exact", "NotOlderThan"}:
            causes.append(_unsupported(options.match, '"Exact", "NotOlderThan", ""'))
        if options.match == "Exact" and options.resource_version == "0":
            causes.append(_forbidden(_MATCH, f'{_MATCH} "exact" is forbidden for resourceVersion "0"'))
    if options.send_initial_events is not None:
        causes.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return causes


def _watch_faults(options: ListOptions) -> list[Cause]:
    causes = []
    if options.send_initial_events is not None and options.match != "NotOlderThan":
        causes.append(_forbidden(_MATCH, f"sendInitialEvents requires setting {_MATCH} to NotOlderThan"))
    if options.match:
        if options.send_initial_events is None:
            causes.append(
                _forbidden(_MATCH, f"{_MATCH} is forbidden for watch unless sendInitialEvents is provided")
            )
        if options.match != "NotOlderThan":
            causes.append(_unsupported(options.match, '"NotOlderThan"'))
        if options.continue_token:
            causes.append(_forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided"))
    return causes


def _forbidden(field: str, message: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {message}", field)


def _unsupported(given: str, supported: str) -> Cause:
    message = f'Unsupported value: "{given}": supported values: {supported}'
    return Cause("FieldValueNotSupported", message, _MATCH)


def _truth(query: Mapping[str, str], name: str) -> bool | None:
    """Return a boolean as Go reads it: everything but `0` and `false` is true, None where it is absent."""
    value = query.get(name)
    return None if value is None else value.lower() not in {"0", "false"}


def _integer(query: Mapping[str, str], name: str) -> int:
    value = query.get(name, "0") or "0"
    if _INTEGER.fullmatch(value) is None:
        raise bad_request(f'strconv.ParseInt: parsing "{value}": invalid syntax')
    return int(value)
