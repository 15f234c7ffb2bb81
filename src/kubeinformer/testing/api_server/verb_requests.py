"""What a verb is given, what it returns, and how bodies are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.object_validation import decoded_body
from kubeinformer.testing.api_server.refusals import bad_request, unsupported_media_type
from kubeinformer.testing.api_server.representations import Representation
from kubeinformer.testing.api_server.request_info import RequestInfo
from kubeinformer.testing.yaml_documents import from_yaml

_JSON = "application/json"


class Request(NamedTuple):
    """What a verb is given.

    Attributes:
        info: The verb and the object.
        query: The parameters.
        content_type: The type of the body without its parameters, "" for none.
        body: The body.
        form: How objects are shown in the answer.
        user_agent: The User-Agent header.
        review: Gives a verdict on an object of a kind that is answered and not kept.
    """

    info: RequestInfo
    query: Mapping[str, str]
    content_type: str
    body: bytes
    form: Representation
    user_agent: str = ""
    review: Callable[[Document], Document] = lambda document: document

    @property
    def name(self) -> str:
        """The name of the object that the request is about."""
        assert self.info.name is not None, "these verbs are about one object"
        return self.info.name


class Answer(NamedTuple):
    """A finished answer: the HTTP status and JSON."""

    status: int
    body: bytes


class _Preconditions(msgspec.Struct, rename="camel"):
    uid: str | None = None
    resource_version: str | None = None


class _DeleteOptions(msgspec.Struct):
    preconditions: _Preconditions | None = None


def object_in(request: Request) -> Document:
    """Return the object in a request's body.

    Raises:
        Refusal: It is of another type (415), or no object of this resource (400).
    """
    _check_json(request)
    return decoded_body(request.info.served, request.body)


def mapping_in(request: Request) -> Mapping[str, Any]:
    """Return the JSON object in a request's body, of whatever kind; an empty one for no body.

    Raises:
        Refusal: It is of another type (415), or no JSON object (400).
    """
    _check_json(request)
    try:
        return msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error


def applied_in(request: Request) -> Any:
    """Return the configuration in a request's body, as JSON or YAML.

    Raises:
        Refusal: It is neither (400).
    """
    try:
        return from_yaml(request.body)
    except ValueError as error:
        raise bad_request(f"error decoding YAML: {error}") from error


def patch_in(request: Request) -> Any:
    """Return the patch in a request's body.

    Raises:
        Refusal: It is not JSON (400).
    """
    try:
        return msgspec.json.decode(request.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request("invalid JSON patch") from error


def preconditions_in(request: Request) -> Mapping[str, str]:
    """Return the uid and resourceVersion that an object must have to be deleted.

    Raises:
        Refusal: The options of the deletion cannot be read (400).
    """
    if not request.body:
        return {}
    try:
        wanted = msgspec.json.decode(request.body, type=_DeleteOptions).preconditions or _Preconditions()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    given = {"uid": wanted.uid, "resourceVersion": wanted.resource_version}
    return {name: value for name, value in given.items() if value is not None}


def _check_json(request: Request) -> None:
    if request.content_type not in {"", _JSON}:
        raise unsupported_media_type((_JSON,))
