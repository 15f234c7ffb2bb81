"""What a body must look like before it becomes an object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from kubeinformer.testing.api_server.object_documents import METADATA_ORDER, Document
from kubeinformer.testing.api_server.refusals import Cause, bad_request, invalid
from kubeinformer.testing.api_server.served_resources import ServedResource

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_NAME = 253
_NAME_FAULT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


class _OwnerReference(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""


class _Metadata(msgspec.Struct, rename="camel"):
    """The types of the fields that the server itself works with."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    labels: dict[str, str | None] | None = None
    annotations: dict[str, str | None] | None = None
    finalizers: list[str] | None = None
    owner_references: list[_OwnerReference] | None = None


def decoded_body(served: ServedResource, body: bytes) -> Document:
    """Return the object in a request.

    Raises:
        Refusal: It is no JSON object (400).
    """
    try:
        document = msgspec.json.decode(body)
        if document is None and served.typed:
            document = {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unrecognized(served, str(error)) from error
    return checked_object(served, document)


def checked_object(served: ServedResource, document: Any) -> Document:
    """Return the document when it can be an object of this resource; null label values become "" as in Go.

    Raises:
        Refusal: It is no object, is of another kind, or its metadata has a field of a wrong type (400).
    """
    if not isinstance(document, dict):
        raise _unrecognized(served, "not a JSON object")
    _check_kind(served, document)
    metadata = document.get("metadata")
    try:
        msgspec.convert({} if metadata is None else metadata, _Metadata)
    except msgspec.ValidationError as error:
        kind = served.resource.kind
        message = (
            f'{kind} in version "{served.resource.version}" cannot be handled as a {kind}: json: {error}'
        )
        raise bad_request(message) from error
    return {**document, "metadata": _known_metadata(metadata or {})}


def check_name(served: ServedResource, name: str) -> None:
    """Raise a Refusal (422) unless an object of this resource may have the name."""
    if not name:
        cause = Cause(
            "FieldValueRequired", "Required value: name or generateName is required", "metadata.name"
        )
        raise invalid(served, name, [cause])
    allowed = "/" not in name if served.any_name else _SUBDOMAIN.fullmatch(name) is not None
    if len(name) > _MAX_NAME:
        fault = f"must be no more than {_MAX_NAME} characters"
        cause = Cause("FieldValueInvalid", f'Invalid value: "{name}": {fault}', "metadata.name")
        raise invalid(served, name, [cause])
    if not allowed:
        cause = Cause("FieldValueInvalid", f'Invalid value: "{name}": {_NAME_FAULT}', "metadata.name")
        raise invalid(served, name, [cause])


def check_namespace(document: Document, namespace: str | None) -> None:
    """Raise a Refusal (400) if the object says that it belongs elsewhere than the URL does."""
    if document["metadata"].get("namespace") not in {None, "", namespace}:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def check_same_name(document: Document, name: str) -> None:
    """Raise a Refusal (400) unless the object's name is that of the URL."""
    given = document["metadata"].get("name")
    if not given:
        message = f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        raise bad_request(message)
    if given != name:
        raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")


def check_finalizers(served: ServedResource, current: Document, wanted: Document) -> None:
    """Raise a Refusal (422) if a finalizer is added to an object that is being deleted."""
    if "deletionTimestamp" not in current["metadata"]:
        return
    before = current["metadata"].get("finalizers") or []
    added = [name for name in wanted["metadata"].get("finalizers") or [] if name not in before]
    if added:
        shown = ", ".join(f'"{name}"' for name in added)
        message = (
            "Forbidden: no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{shown}}}"
        )
        cause = Cause("FieldValueForbidden", message, "metadata.finalizers")
        raise invalid(served, current["metadata"]["name"], [cause])


def _check_kind(served: ServedResource, document: Document) -> None:
    kind, version = served.resource.kind, served.resource.version
    api_version = served.resource.api_version
    given_kind, given_version = document.get("kind"), document.get("apiVersion")
    if not served.typed and not (given_kind and given_version):
        missing = "apiVersion" if given_kind else "Kind"
        raise _unrecognized(served, f"Object '{missing}' is missing")
    if not served.typed and given_version != api_version:
        raise bad_request(
            f"the API version in the data ({given_version}) does not match the expected API version ({api_version})"
        )
    if given_kind not in {None, "", kind}:
        raise bad_request(f'{given_kind} in version "{version}" cannot be handled as a {kind}')
    if given_version not in {None, "", api_version}:
        raise bad_request(f'{kind} in version "{given_version}" cannot be handled as a {kind}')


def _known_metadata(metadata: Mapping[str, Any]) -> Document:
    """Return the fields that metadata has, without those that are null."""
    filled = {name: metadata[name] for name in METADATA_ORDER if metadata.get(name) is not None}
    for name in ("labels", "annotations"):
        if name in filled:
            filled[name] = {key: value or "" for key, value in filled[name].items()}
    return filled


def _unrecognized(served: ServedResource, fault: str) -> Exception:
    kind = served.resource.kind
    return bad_request(
        f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; "
        f"json parse error: {fault}"
    )
