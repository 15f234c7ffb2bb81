"""From the body of a list to objects: one page."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from kubeinformer.cache.object_reader import Aside, ObjectReader
from kubeinformer.cache.salvage import split_items
from kubeinformer.errors import InvalidResponse
from kubeinformer.objects import KubernetesObject, describe_fault
from kubeinformer.statuses import error_from_status


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str | None = None
    next_page: str | None = msgspec.field(default=None, name="continue")


class _List(msgspec.Struct, rename="camel"):
    kind: str | None = None
    api_version: str | None = None
    metadata: _ListMetadata | None = None
    items: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET


_decode_list = msgspec.json.Decoder(_List).decode


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list.

    Attributes:
        objects: What was read, in order.
        asides: What was not kept.
        version: The list's resourceVersion, "" where it has none.
        token: What asks for the next page, "" on the last one.
    """

    objects: list[KubernetesObject]
    asides: list[Aside]
    version: str
    token: str


def read_page(body: bytes, reader: ObjectReader) -> ListPage:
    """Return the page in `body`.

    Raises:
        StatusError: The body is a Status in place of a list.
        InvalidResponse: The body is not JSON, or JSON that is no list (a Table, a single object, null).
    """
    page, items = _decode(body, reader.resource.group_resource)
    objects: list[KubernetesObject] = []
    asides: list[Aside] = []
    for item in items:
        read = reader.read(item)
        if isinstance(read, Aside):
            asides.append(read)
        else:
            objects.append(read)
    metadata = page.metadata or _ListMetadata()
    return ListPage(objects, asides, metadata.resource_version or "", metadata.next_page or "")


def _split(body: bytes) -> tuple[_List, list[bytes]]:
    try:
        page = _decode_list(body)
    except RecursionError:
        split = split_items(body)
        if split is None:
            raise
        return _decode_list(split[0]), split[1]
    # A copy each: a view would keep the whole page in memory as long as one of its objects lives.
    return page, [bytes(item) for item in page.items or ()]


def _decode(body: bytes, resource: str) -> tuple[_List, list[bytes]]:
    try:
        page, items = _split(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        fault = describe_fault(error) if body.strip() else "the body is empty"
        raise InvalidResponse(f"not a list: {fault}", code=200, verb="list", resource=resource) from error
    if page.kind == "Status" and page.api_version == "v1":
        raise error_from_status(body, verb="list", resource=resource)
    is_table = page.kind == "Table" and (page.api_version or "").startswith("meta.k8s.io/")
    if is_table or page.items is msgspec.UNSET:
        message = f"not a list of objects: kind {page.kind or 'unknown'}"
        raise InvalidResponse(message, code=200, verb="list", resource=resource)
    return page, items
