"""Who we are to the server: exactly one header, renewed in time, and never shown to anybody else."""

from __future__ import annotations

import asyncio
import traceback
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeinformer.client.config import Config
from kubeinformer.client.credentials.anonymous import Anonymous
from kubeinformer.client.credentials.basic import BasicLogin
from kubeinformer.client.credentials.protocol import Credentials
from kubeinformer.client.credentials.selection import credentials_for
from kubeinformer.client.credentials.static_token import StaticToken, clean_token
from kubeinformer.client.credentials.token_file import REREAD_AFTER, TokenFile
from kubeinformer.errors import ConfigurationError
from kubeinformer.testing import FakeClock

SECRET = "eyJhbGciOi.very-secret_token"
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)


def headers(credentials: Credentials) -> Mapping[str, str]:
    """Return what goes into the next request."""
    return asyncio.run(credentials.headers())


def rejected(credentials: Credentials, shown: Mapping[str, str]) -> bool:
    """Tell of a 401, and return whether to try once more."""
    return asyncio.run(credentials.rejected(shown))


def swap(file: Path, content: bytes) -> None:
    """Replace a file in one step, as the kubelet does."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A token file that holds T1."""
    file = tmp_path / "token"
    file.write_bytes(b"T1")
    return file


@pytest.mark.parametrize(
    "content", [b"T2", b"T2\n", b"T2\r\n", b"\xef\xbb\xbfT2", b"\xef\xbb\xbfT2\r\n", b"\n \tT2 \n\n"]
)
def test_what_editors_leave_around_a_token_is_no_part_of_it(file: Path, content: bytes) -> None:
    """Case C21: line ends, white space and a byte order mark make no illegal header."""
    swap(file, content)
    assert headers(TokenFile(file, FakeClock())) == {"Authorization": "Bearer T2"}


def test_a_swapped_file_is_read_after_a_minute(file: Path) -> None:
    """Case C21: the file is looked up once a minute, as client-go does, and not with each request."""
    clock = FakeClock()
    credentials = TokenFile(file, clock)
    assert headers(credentials)["Authorization"] == "Bearer T1"
    swap(file, b"T2\n")
    clock.advance(REREAD_AFTER - 0.5)
    assert headers(credentials)["Authorization"] == "Bearer T1"
    clock.advance(0.5)
    assert headers(credentials)["Authorization"] == "Bearer T2"


def test_a_rejected_token_is_replaced_at_once(file: Path) -> None:
    """Case C21: a 401 looks up the file, and one more try makes sense only with another token."""
    credentials = TokenFile(file, FakeClock())
    shown = headers(credentials)
    assert not rejected(credentials, shown)
    swap(file, b"T2\r\n")
    assert rejected(credentials, shown)
    assert headers(credentials)["Authorization"] == "Bearer T2"
    assert rejected(credentials, shown)  # for a request that was under way with T1
    assert not rejected(credentials, headers(credentials))


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xef\xbb\xbf", b"half\x00", b"\xff\xfeT\x002\x00", b"two words", None]
)
def test_a_file_without_a_good_token_keeps_the_old_one(file: Path, content: bytes | None) -> None:
    """Case C21: empty, garbled or missing for a moment changes nothing, and the next request looks again."""
    clock = FakeClock()
    credentials = TokenFile(file, clock)
    shown = headers(credentials)
    file.unlink() if content is None else swap(file, content)
    assert not rejected(credentials, shown)
    clock.advance(REREAD_AFTER)
    assert headers(credentials) == shown
    swap(file, b"T2")
    assert headers(credentials)["Authorization"] == "Bearer T2"


def test_a_link_is_followed_at_each_reading(tmp_path: Path) -> None:
    """A projected volume swaps a link to a folder, and the new folder's token is read."""
    for name, token in (("first", "T1"), ("second", "T2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(token)
    link = tmp_path / "data"
    link.symlink_to("first")
    credentials = TokenFile(link / "token", FakeClock())
    shown = headers(credentials)
    link.unlink()
    link.symlink_to("second")
    assert rejected(credentials, shown)
    assert headers(credentials)["Authorization"] == "Bearer T2"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (f"{SECRET} {SECRET}".encode(), "holds characters that no HTTP header may hold"),
        (SECRET.encode() + b"\xff", "is not text"),
    ],
)
def test_a_file_that_never_held_a_token_is_named_without_its_content(
    file: Path, content: bytes | None, fault: str
) -> None:
    """Case C21: the error says which file and what is wrong, and no traceback shows a part of the token."""
    file.unlink() if content is None else swap(file, content)
    with pytest.raises(ConfigurationError, match=fault) as told:
        headers(TokenFile(file, FakeClock()))
    assert str(file) in str(told.value)
    shown = "".join(traceback.format_exception(told.value, chain=True))
    assert SECRET not in shown
    swap(file, b"T1")
    assert headers(TokenFile(file, FakeClock())) == {"Authorization": "Bearer T1"}


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"token": SECRET}, StaticToken),
        ({"token_file": "token"}, TokenFile),
        ({"username": "ada", "password": SECRET}, BasicLogin),
        ({}, Anonymous),
    ],
)
def test_a_configuration_names_its_credentials(settings: dict[str, Any], kind: type) -> None:
    """Each way of saying who one is has its own type, and none shows its secret when printed."""
    credentials = credentials_for(Config(server="https://host", **settings), FakeClock())
    assert type(credentials) is kind
    assert SECRET not in f"{credentials!r} {credentials}"


def test_no_token_is_shown_once_it_was_read(file: Path) -> None:
    """Case C21: also after use, printing the credentials does not tell the token."""
    swap(file, SECRET.encode())
    credentials = TokenFile(file, FakeClock())
    assert headers(credentials) == {"Authorization": f"Bearer {SECRET}"}
    assert SECRET not in f"{credentials!r} {credentials}"


@pytest.mark.parametrize("credentials", [StaticToken("T1"), BasicLogin("ada", "pw"), Anonymous()])
def test_what_cannot_be_renewed_is_not_tried_again(credentials: Credentials) -> None:
    """A 401 is final where there are no other credentials to be had."""
    shown = headers(credentials)
    assert not rejected(credentials, shown)
    assert headers(credentials) == shown


def test_nobody_in_particular_adds_no_header() -> None:
    """A client certificate, or nothing, speaks for itself."""
    assert headers(Anonymous()) == {}


@given(st.text().filter(lambda name: ":" not in name), st.text())
def test_a_login_is_sent_as_utf8(username: str, password: str) -> None:
    """RFC 7617: name and password come out on the other side as they went in."""
    scheme, _, login = headers(BasicLogin(username, password))["Authorization"].partition(" ")
    assert scheme == "Basic"
    assert b64decode(login, validate=True).decode().partition(":") == (username, ":", password)


@given(VISIBLE, st.sampled_from(["", "\ufeff"]), st.text(" \t\r\n"), st.text(" \t\r\n"))
def test_a_cleaned_token_is_the_token(token: str, mark: str, before: str, after: str) -> None:
    """Whatever white space surrounds it, a token of visible ASCII comes out unchanged."""
    assert clean_token(mark + before + token + after) == token


@given(VISIBLE, st.characters().filter(lambda letter: not "!" <= letter <= "~"), VISIBLE)
def test_no_token_breaks_out_of_its_header(start: str, inside: str, end: str) -> None:
    """What no header may hold is refused wherever it stands, without showing it."""
    with pytest.raises(ValueError, match=r"^holds characters that no HTTP header may hold$"):
        clean_token(start + inside + end)
