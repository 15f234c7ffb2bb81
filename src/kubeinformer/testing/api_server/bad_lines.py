"""What no server should ever send, by name: lines of a watch, and answers to a list."""

from __future__ import annotations

_NAMED = b'"metadata":{"name":"bad","namespace":"default","uid":"bad","resourceVersion":"1"}'

BAD_LINES = {
    "not JSON": b"<html>gateway</html>\n",
    "half a line": b'{"type":"ADDED","object":{"kind":"Pod","metada\n',
    "no name": b'{"type":"ADDED","object":{"metadata":{"namespace":"default","resourceVersion":"1"}}}\n',
    "no object": b'{"type":"ADDED"}\n',
    "no type": b'{"object":{%b}}\n' % _NAMED,
    "an unknown type": b'{"type":"RENAMED","object":{%b}}\n' % _NAMED,
    "not UTF-8": b'{"type":"ADDED","object":{%b,"data":{"k":"\xff\xfe"}}}\n' % _NAMED,
    "nested deeply": b'{"type":"ADDED","object":{%b,"data":%b%b}}\n' % (_NAMED, b"[" * 5000, b"]" * 5000),
    "a byte order mark": b'\xef\xbb\xbf{"type":"ADDED","object":{%b}}\n' % _NAMED,
    "an empty line": b"\n",
    "a bookmark without a version": b'{"type":"BOOKMARK","object":{"metadata":{}}}\n',
    "an error without a status": b'{"type":"ERROR","object":{}}\n',
}
"""Lines for :meth:`APIServer.send_bad_line`."""

BAD_ANSWERS = {
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
    "nothing": b"",
    "half": b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[{"meta',
    "a status": b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no","code":500}',
    "null items": b'{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":null}',
    "no version": b'{"kind":"List","apiVersion":"v1","metadata":{},"items":[]}',
    "an item without a name": b'{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[{}]}',
    "an array": b"[]",
}
"""Bodies for `answers_badly`, each sent with status 200."""
