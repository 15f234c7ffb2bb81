"""LineSplitter: the same lines, however the stream was cut into chunks."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeinformer.cache.framing import LineSplitter

LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b".")), max_size=8)


def split(*chunks: bytes) -> list[bytes]:
    """Return the lines that come out of chunks, without the rest."""
    splitter = LineSplitter()
    return [line for chunk in chunks for line in splitter.feed(chunk)]


@given(LINES, st.binary(max_size=20).map(lambda rest: rest.replace(b"\n", b".")), st.data())
def test_any_split_gives_the_same_lines(lines: list[bytes], rest: bytes, data: st.DataObject) -> None:
    """Where the chunks end makes no difference, empty chunks included (Case C06)."""
    stream = b"".join(line + b"\n" for line in lines) + rest
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    splitter = LineSplitter()
    found = [
        line
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for line in splitter.feed(stream[start:end])
    ]
    assert found == [line for line in lines if line.strip()]
    assert splitter.rest() == (rest if rest.strip() else b"")


def test_characters_cut_byte_by_byte_arrive_whole() -> None:
    """A chunk may end inside a character of 2, 3 or 4 bytes (Case C06)."""
    text = '{"ü":"€ 𝄞"}'.encode()
    assert split(*[bytes([byte]) for byte in text + b"\n"]) == [text]


@pytest.mark.parametrize("separator", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_only_lf_ends_a_line(separator: str) -> None:
    """What other line readers split at may stand in JSON text."""
    text = f'{{"a":"{separator}"}}'.encode()
    assert split(text + b"\n") == [text]


def test_blank_lines_are_skipped() -> None:
    """Lines of nothing but blanks say nothing, also where their LF comes in a later chunk."""
    assert split(b"\n\n a\n", b"  ", b"\t\r", b"\nb \n", b"\n") == [b" a", b"b "]


def test_cr_before_lf_is_left_to_the_json_reader() -> None:
    """CR is a blank of JSON: a line that ends in CRLF keeps it and stays readable."""
    assert split(b"{}\r\n") == [b"{}\r"]


def test_the_rest_is_given_once() -> None:
    """What follows the last LF can be asked for at the end, and is forgotten then."""
    splitter = LineSplitter()
    assert splitter.rest() == b""
    assert splitter.feed(b"a\nb") == [b"a"]
    assert (splitter.rest(), splitter.rest()) == (b"b", b"")
    assert splitter.feed(b"c\n") == [b"c"]


@pytest.mark.parametrize("megabytes", [0.07, 1.5, 8])
def test_long_lines_are_joined_once(megabytes: float) -> None:
    """A line of 8 MB in chunks of 4 kB takes linear time and under five times its size (Case C07)."""
    long = b"x" * int(megabytes * 1_000_000)
    stream = long + b"\nsmall\n"
    chunks = [stream[start : start + 4096] for start in range(0, len(stream), 4096)]
    tracemalloc.start()
    try:
        started = time.process_time()
        found = split(*chunks)
        seconds = time.process_time() - started
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == [long, b"small"]
    assert seconds < 2
    assert peak < 5 * len(long)
