"""From the body of an answer to objects."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from kubeinformer.errors import InvalidResponse
from kubeinformer.objects import KubernetesObject, decode_object, describe_fault
from kubeinformer.resources import Resource


class _Type(msgspec.Struct, rename="camel"):
    kind: str | None = None
    api_version: str | None = None


class _DeletedDetails(msgspec.Struct):
    uid: str = ""


class _Deleted(msgspec.Struct):
    details: _DeletedDetails = msgspec.field(default_factory=_DeletedDetails)


class _ListMetadata(msgspec.Struct):
    next_page: str | None = msgspec.field(default=None, name="continue")


class _List(msgspec.Struct):
    metadata: _ListMetadata | None = None
    items: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET


def read_object(body: bytes, resource: Resource, subresource: str = "") -> KubernetesObject:
    """Return the object in an answer; that of a subresource may have a kind of its own, such as `Scale`.

    Raises:
        InvalidObject: It can't be read as an object.
    """
    if subresource in ("", "status"):
        return decode_object(body, resource)
    found = _type_of(body)
    group, _, version = (found.api_version or resource.api_version).rpartition("/")
    return decode_object(
        body, replace(resource, group=group, version=version, kind=found.kind or resource.kind)
    )


def read_deleted(body: bytes, resource: Resource) -> tuple[KubernetesObject | None, str]:
    """Return the object in the answer to a delete, None where it is a mere Status; and its uid, "" where none is said.

    Raises:
        InvalidObject: It can't be read as an object.
    """
    found = _type_of(body)
    if found.kind != "Status" or found.api_version != "v1":
        deleted = decode_object(body, resource)
        return deleted, deleted.uid
    try:
        return None, msgspec.json.decode(body, type=_Deleted).details.uid
    except msgspec.ValidationError:  # the details of some aggregated API
        return None, ""


def read_page(body: bytes, resource: Resource) -> tuple[list[KubernetesObject], str]:
    """Return the objects of one page of a list, and the token of the next page ("" on the last one).

    Raises:
        InvalidResponse: It is no list.
        InvalidObject: One of its objects can't be read.
    """
    name = resource.group_resource
    try:
        page = msgspec.json.decode(body, type=_List)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        message = f"list {name}: not a list: {describe_fault(error)}"
        raise InvalidResponse(message, code=200, verb="list", resource=name) from error
    if page.items is msgspec.UNSET:
        raise InvalidResponse(f"list {name}: no items in it", code=200, verb="list", resource=name)
    # A copy each: a view would keep the whole page in memory as long as one of its objects lives.
    objects = [decode_object(bytes(item), resource) for item in page.items or ()]
    return objects, (page.metadata.next_page if page.metadata else None) or ""


def _type_of(body: bytes) -> _Type:
    try:
        return msgspec.json.decode(body, type=_Type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Type()  # what is wrong with it shows where the object is read
