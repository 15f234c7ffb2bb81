"""The server's ways to say no, as Status objects in the words of a real API server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubeinformer.errors import StatusError, status_error
from kubeinformer.testing.api_server.continue_tokens import NEWEST, ContinueToken
from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.served_resources import METADATA_FIELDS, ServedResource

_UNKNOWN_FIELDS = {
    "jobs.batch": 'field label "{field}" not supported for Job',
    "resourceslices.resource.k8s.io": "field label not supported for {api_version}, Kind=ResourceSlice: {field}",
}
"""Kinds with words of their own for a field that they cannot be selected by."""


class Cause(NamedTuple):
    """One entry of a Status's `details.causes`; the field is left out where it is ""."""

    reason: str
    message: str
    field: str = ""


class Refusal(Exception):
    """A request is refused; the answer is a Status.

    Attributes:
        code: The HTTP status.
        reason: The machine-readable reason, "" for none.
        message: The text for people.
        details: What the Status says about the object.
        metadata: The metadata of the Status: a fresh continue token at most.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata = metadata or {}

    @property
    def retry_after(self) -> int | None:
        """Seconds that the Retry-After header asks to wait, None for no such header."""
        return (self.details or {}).get("retryAfterSeconds")

    def document(self) -> Document:
        """Return the Status object."""
        status: Document = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
        }
        status["message"] = self.message
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return {**status, "code": self.code}

    def error(self, verb: str, served: ServedResource) -> StatusError:
        """Return the error that a client makes of the answer."""
        return status_error(
            self.code,
            self.reason,
            self.message,
            verb=verb,
            resource=served.resource.group_resource,
            retry_after=self.retry_after,
            causes=tuple(cause["reason"] for cause in (self.details or {}).get("causes", ())),
        )


def success(served: ServedResource, name: str, uid: str) -> Document:
    """Return the Status that answers a finished delete."""
    details = {"name": name, **served.details, "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def not_found(served: ServedResource, name: str) -> Refusal:
    """404: no such object."""
    message = f'{served.resource.group_resource} "{name}" not found'
    return Refusal(404, "NotFound", message, {"name": name, **served.details})


def no_such_path() -> Refusal:
    """404: no such resource."""
    return Refusal(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> Refusal:
    """405: the resource cannot do that."""
    message = "the server does not allow this method on the requested resource"
    return Refusal(405, "MethodNotAllowed", message, {})


def unsupported_media_type(accepted: Sequence[str]) -> Refusal:
    """415: a body of a type that is not known here."""
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return Refusal(415, "UnsupportedMediaType", message)


def no_media_type() -> Refusal:
    """415: a body of which nobody says what it is."""
    return Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def too_large_body(limit: int) -> Refusal:
    """413: a body of more bytes than the limit."""
    message = f"Request entity too large: limit is {limit}"
    return Refusal(413, "RequestEntityTooLarge", message)


def bad_request(message: str) -> Refusal:
    """400: the request makes no sense."""
    return Refusal(400, "BadRequest", message)


def unknown_field(served: ServedResource, field: str) -> Refusal:
    """400: objects of this kind cannot be selected by the field.

    The words are those of the kind's field label conversion; a built-in kind without one has those of
    `DefaultMetaV1FieldSelectorConversion` in apimachinery.
    """
    if served.typed and served.selectable_fields == METADATA_FIELDS:
        known = ", ".join(f'"{name}"' for name in METADATA_FIELDS)
        return bad_request(f'"{field}" is not a known field selector: only {known}')
    resource = served.resource
    words = _UNKNOWN_FIELDS.get(resource.group_resource, "field label not supported: {field}")
    return bad_request(words.format(field=field, api_version=resource.api_version))


def internal_error(message: str) -> Refusal:
    """500, as the real server answers what it does not expect: without a reason."""
    return Refusal(500, "", message)


def already_exists(served: ServedResource, name: str) -> Refusal:
    """409: the name is taken."""
    message = f'{served.resource.group_resource} "{name}" already exists'
    return Refusal(409, "AlreadyExists", message, {"name": name, **served.details})


def conflict(served: ServedResource, name: str, cause: str = "") -> Refusal:
    """409: somebody else wrote first, or a precondition does not hold."""
    cause = cause or (
        "the object has been modified; please apply your changes to the latest version and try again"
    )
    message = f'Operation cannot be fulfilled on {served.resource.group_resource} "{name}": {cause}'
    return Refusal(409, "Conflict", message, {"name": name, **served.details})


def failed_precondition(served: ServedResource, name: str, cause: str) -> Refusal:
    """409: an object is not the one that somebody wanted to delete; the real server names the kind here."""
    group, kind = served.resource.group, served.resource.kind
    named = f"{kind}.{group}" if group else kind
    details = {"name": name, **({"group": group} if group else {}), "kind": kind}
    return Refusal(409, "Conflict", f'Operation cannot be fulfilled on {named} "{name}": {cause}', details)


def invalid(served: ServedResource, name: str, causes: Sequence[Cause]) -> Refusal:
    """422: the object breaks a rule."""
    if served.typed:
        kind, details = served.resource.kind, {"kind": served.resource.kind}
        if served.resource.group:
            details = {"group": served.resource.group, **details}
            kind = f"{kind}.{served.resource.group}"
    else:
        kind, details = served.resource.group_resource, served.details
    return _invalid(f'{kind} "{name}"', {"name": name} if name else {}, details, causes)


def unversioned_update(served: ServedResource, name: str) -> Refusal:
    """422: an update must say which state it replaces; the real server names the resource here, not the kind."""
    message = "Invalid value: 0: must be specified for an update"
    cause = Cause("FieldValueInvalid", message, "metadata.resourceVersion")
    return _invalid(f'{served.resource.group_resource} "{name}"', {"name": name}, served.details, [cause])


def invalid_options(causes: Sequence[Cause], kind: str = "ListOptions") -> Refusal:
    """422: the parameters of a request contradict each other."""
    details = {"group": "meta.k8s.io", "kind": kind}
    return _invalid(f'{kind}.meta.k8s.io ""', {}, details, causes)


def unprocessable_patch() -> Refusal:
    """422: a patch that does not fit the object."""
    message = "the server rejected our request due to an error in our request"
    return Refusal(422, "Invalid", message, {})


def forbidden(served: ServedResource, name: str, cause: str) -> Refusal:
    """403: somebody may not, or nobody may."""
    named = f'{served.resource.group_resource} "{name}"' if name else served.resource.group_resource
    details = {"name": name, **served.details} if name else served.details
    return Refusal(403, "Forbidden", f"{named} is forbidden: {cause}", details)


def forbidden_request(
    served: ServedResource, user: str, verb: str, subresource: str, namespace: str | None, name: str
) -> Refusal:
    """403: a user lacks the right to do something."""
    resource = served.resource
    wanted = f"{resource.name}/{subresource}" if subresource else resource.name
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    return forbidden(
        served,
        name,
        f'User "{user}" cannot {verb} resource "{wanted}" in API group "{resource.group}"{where}',
    )


def unauthorized() -> Refusal:
    """401: nobody knows who asks."""
    return Refusal(401, "Unauthorized", "Unauthorized")


def not_acceptable(message: str) -> Refusal:
    """406: there is no such form of the answer."""
    return Refusal(406, "NotAcceptable", message)


def not_emulated(what: str) -> Refusal:
    """501: a real server can do it, this one cannot."""
    return Refusal(501, "", f"{what} is not emulated by this server")


def apply_conflict(causes: Sequence[Cause]) -> Refusal:
    """409: others own fields that an apply sets to something else."""
    owners: dict[str, list[str]] = {}
    for cause in causes:
        owners.setdefault(cause.message.replace("conflict with", "conflicts with"), []).append(cause.field)
    count = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    if len(causes) == 1:
        text = f"{causes[0].message}: {causes[0].field}"
    else:
        text = "\n".join(
            f"{owner}:\n" + "\n".join(f"- {field}" for field in fields) for owner, fields in owners.items()
        )
    message = f"Apply failed with {count}: {text}"
    details = {"causes": _causes(causes)}
    return Refusal(409, "Conflict", message, details)


def namespace_terminating(served: ServedResource, name: str, namespace: str) -> Refusal:
    """403: the namespace is on its way out."""
    group_resource = served.resource.group_resource
    message = (
        f'{group_resource} "{name}" is forbidden: unable to create new content in namespace {namespace} '
        "because it is being terminated"
    )
    cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
    return Refusal(403, "Forbidden", message, {"name": name, **served.details, "causes": _causes([cause])})


def expired_watch(version: int, oldest: int) -> Refusal:
    """410: the changes after the version are forgotten."""
    return Refusal(410, "Expired", f"too old resource version: {version} ({oldest})")


def expired_list() -> Refusal:
    """410: the state at the version is forgotten."""
    return Refusal(410, "Expired", "The resourceVersion for the provided list is too old.")


def expired_continue(start: str) -> Refusal:
    """410: the rest of the list is forgotten; the Status carries a token for the rest of the newest one."""
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
        "the results. Continuing with the provided token results in an inconsistent list - objects that were "
        "created, modified, or deleted between the time the first chunk was returned and now may show up in the "
        "list."
    )
    token = ContinueToken(NEWEST, start).encode()
    return Refusal(410, "Expired", message, metadata={"continue": token})


def too_large_resource_version(version: int, current: int) -> Refusal:
    """504: a version from the future; the real server says so after 3 s, this one at once."""
    cause = Cause("ResourceVersionTooLarge", "Too large resource version")
    message = f"Timeout: Too large resource version: {version}, current: {current}"
    return Refusal(504, "Timeout", message, {"causes": _causes([cause]), "retryAfterSeconds": 1})


def _invalid(
    what: str, name: Mapping[str, str], details: Mapping[str, Any], causes: Sequence[Cause]
) -> Refusal:
    faults = [f"{cause.field}: {cause.message}" for cause in causes]
    text = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
    return Refusal(
        422, "Invalid", f"{what} is invalid: {text}", {**name, **details, "causes": _causes(causes)}
    )


def _causes(causes: Sequence[Cause]) -> list[dict[str, str]]:
    return [
        {"reason": cause.reason, "message": cause.message, **({"field": cause.field} if cause.field else {})}
        for cause in causes
    ]
