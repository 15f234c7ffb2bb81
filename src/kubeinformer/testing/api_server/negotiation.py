"""Which form of an answer a client's Accept header asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kubeinformer.testing.api_server.refusals import bad_request, not_acceptable
from kubeinformer.testing.api_server.representations import MetadataOnly, Representation, WholeObjects
from kubeinformer.testing.api_server.served_resources import ServedResource
from kubeinformer.testing.api_server.tables import Tables

_JSON_TYPES = {"application/json", "application/*", "*/*"}
_METADATA, _METADATA_LIST, _TABLE = "PartialObjectMetadata", "PartialObjectMetadataList", "Table"
_ACCEPTED = "application/json"


def negotiated(
    served: ServedResource,
    accept: str,
    query: Mapping[str, str],
    *,
    is_list: bool,
    wall_time: Callable[[], float],
) -> Representation:
    """Return the first form in an Accept header that this server has; without a header objects are answered whole.

    Args:
        served: The resource.
        accept: The header.
        query: The parameters; `includeObject` says what goes with each row of a table.
        is_list: Whether the answer is a list, which has other forms than an object or the events of a watch.
        wall_time: Returns seconds since 1970.

    Raises:
        Refusal: There is no such form (406), or `includeObject` is not understood (400).
    """
    for form in _forms(accept or "*/*"):
        if form == "":
            return WholeObjects(served)
        if form in {_METADATA, _METADATA_LIST}:
            _check_metadata_form(served, form, is_list=is_list)
            return MetadataOnly()
        if form == _TABLE:
            return Tables(served, _rows(served, query.get("includeObject", "")), wall_time)
    raise not_acceptable(f"only the following media types are accepted: {_ACCEPTED}")


def _forms(accept: str) -> Iterator[str]:
    """Yield what each acceptable JSON type asks for: "" for whole objects, or the name in `as`."""
    for entry in accept.split(","):
        media_type, *rest = (part.strip() for part in entry.split(";"))
        if media_type not in _JSON_TYPES:
            continue
        parameters = dict(part.partition("=")[::2] for part in rest)
        form = parameters.get("as", "")
        if not form or (parameters.get("g"), parameters.get("v")) in _KNOWN_VERSIONS:
            yield form


_KNOWN_VERSIONS = {("meta.k8s.io", "v1"), ("meta.k8s.io", "v1beta1")}


def _check_metadata_form(served: ServedResource, form: str, *, is_list: bool) -> None:
    if is_list is (form == _METADATA_LIST):
        return
    kind = served.resource.kind
    if is_list:
        shown = f"*core.{kind}List" if served.typed else "*unstructured.UnstructuredList"
        raise not_acceptable(f"you requested {form}, but the requested object is a list ({shown})")
    shown = f"*core.{kind}" if served.typed else "*unstructured.Unstructured"
    raise not_acceptable(f"you requested {form}, but the requested object is not a list ({shown})")


def _rows(served: ServedResource, include: str) -> Representation | None:
    match include:
        case "" | "Metadata":
            return MetadataOnly()
        case "Object":
            return WholeObjects(served)
        case "None":
            return None
    message = f"includeObject: Invalid value: \"{include}\": must be 'Metadata', 'Object', 'None', or empty"
    raise bad_request(f"Unable to convert to Table as requested: {message}")
