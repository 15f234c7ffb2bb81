"""Which kinds of patches a resource takes, by the media type of the body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.patches import PatchError, json_patch, merge_patch
from kubeinformer.testing.api_server.refusals import (
    bad_request,
    unprocessable_patch,
    unsupported_media_type,
)
from kubeinformer.testing.api_server.served_resources import ServedResource

_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


def patching(served: ServedResource, content_type: str, patch: Any) -> Callable[[Document], Any]:
    """Return what a patch does to a document.

    A strategic merge patch is taken as a merge patch: lists are replaced, never merged by key.

    Raises:
        Refusal: There is no such kind of patch for this resource (415).
    """
    merging = (_MERGE_PATCH, _STRATEGIC_MERGE_PATCH) if served.typed else (_MERGE_PATCH,)
    if content_type in merging:
        if not isinstance(patch, dict):
            raise bad_request("invalid JSON patch")
        return lambda document: merge_patch(document, patch)
    if content_type != _JSON_PATCH:
        raise unsupported_media_type((_JSON_PATCH, *merging))
    return lambda document: _json_patched(document, patch)


def _json_patched(document: Document, patch: Any) -> Any:
    try:
        return json_patch(document, patch)
    except PatchError as error:
        raise (bad_request(str(error)) if error.malformed else unprocessable_patch()) from error
