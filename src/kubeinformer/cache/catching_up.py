"""Waiting until a cache is as new as the server is now: one list of metadata says how new that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from kubeinformer.cache.list_watch import ListWatch
from kubeinformer.errors import Expired, InvalidResponse
from kubeinformer.objects import KubernetesObject
from kubeinformer.resource_versions import is_comparable, is_older

_PAGE = {"limit": "500"}


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class _Item(msgspec.Struct, gc=False):
    metadata: _Metadata


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    next_page: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct):
    metadata: _ListMetadata
    items: list[_Item] | None = None


class ListedState:
    """What the server had at the moment of a list, and what a cache lacks of it. On one loop.

    Args:
        version: The resourceVersion of the list.
        objects: The metadata of what was in it.
        present: What the cache had then.
    """

    def __init__(
        self, version: str, objects: Iterable[_Metadata], present: Iterable[KubernetesObject]
    ) -> None:
        self.version = version
        listed = {each.key: each for each in objects}
        comparable = [
            each.resource_version for each in listed.values() if is_comparable(each.resource_version)
        ]
        self._newest = max(comparable, key=lambda version: (len(version), version), default="")
        self._opaque = {key: each for key, each in listed.items() if not is_comparable(each.resource_version)}
        self._unwanted = [each for each in present if each.key not in listed]

    def is_shown(
        self, cached: Callable[[str], KubernetesObject | None], has_seen: Callable[[str], bool]
    ) -> bool:
        """Return whether a cache shows this state or a later one.

        Args:
            cached: Returns what it has under a key, which may be nothing though it knows the object: a transform drops
                some, and some cannot be read.
            has_seen: Returns whether it has seen a version.
        """
        while self._unwanted:  # what is gone once is gone: nothing is looked at twice
            before = self._unwanted[-1]
            if cached(before.key) is before and not is_older(self.version, before.resource_version):
                return False
            self._unwanted.pop()
        if self._newest and has_seen(self._newest):
            self._newest = ""
        self._opaque = {key: each for key, each in self._opaque.items() if not _shows(cached(key), each)}
        return not self._newest and not self._opaque


async def listed_state(
    list_watch: ListWatch, present: Callable[[], Iterable[KubernetesObject]]
) -> ListedState:
    """Ask the server for what it has now, page by page.

    Args:
        list_watch: Lists metadata.
        present: Returns what the cache has.

    Raises:
        StatusError: The server refused.
        InvalidResponse: It is no list.
        NetworkError: No answer.
    """
    objects: list[_Metadata] = []
    parameters = dict(_PAGE)
    while True:
        try:
            body = await list_watch.list(parameters)
        except Expired:
            if "continue" not in parameters:
                raise
            objects, parameters = [], {}  # the pages took too long: in one go, then
            continue
        try:
            page = msgspec.json.decode(body, type=_List)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidResponse(f"not a list: {error}", code=200, verb="list") from error
        objects += [item.metadata for item in page.items or ()]
        if not page.metadata.next_page:
            return ListedState(page.metadata.resource_version, objects, present())
        parameters = {**_PAGE, "continue": page.metadata.next_page}


def _shows(cached: KubernetesObject | None, listed: _Metadata) -> bool:
    return cached is not None and cached.resource_version == listed.resource_version
