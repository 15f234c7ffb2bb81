"""Scenarios of a reflector's life as transcripts: who says what to whom, second by second.

They lie in the folder `transcripts`; `transcript_player.py` says how to read them. With the environment variable
`KUBEINFORMER_REWRITE_TRANSCRIPTS` they are written anew from what the server says in them: the difference is the
review.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.cache.transcript_player import play

TRANSCRIPTS = Path(__file__).parent / "transcripts"
REWRITE = "KUBEINFORMER_REWRITE_TRANSCRIPTS"


def check(name: str, *, by_watch: bool = False) -> None:
    """Play a transcript and hold what comes of it against what stands there."""
    path = TRANSCRIPTS / f"{name}.txt"
    played = play(path.read_text(), by_watch=by_watch)
    if os.environ.get(REWRITE):
        path.write_text(played)
    assert played == path.read_text()


# -- how it should be -------------------------------------------------------------------------------------------------


def test_normal_life() -> None:
    """Invariants 5, 11 and 50, regression 10: one list and one watch bring everything, in order."""
    check("normal_life")


def test_cut() -> None:
    """Regression 10, cases C06 and C12: a cut watch goes on after its last event, and nothing is sent twice."""
    check("cut")


def test_clean_ends() -> None:
    """Case C12: silence until the server's own time-out is no error, costs no list, and nothing grows."""
    check("clean_ends")


def test_half_open() -> None:
    """Case C19, regression 8: a dead connection is found out by the silence that it keeps."""
    check("half_open")


# -- versions that are gone, or not there yet -------------------------------------------------------------------------


def test_expired_as_event() -> None:
    """Case C10, regression 1: exactly one list, at the latest version."""
    check("expired_as_event")


def test_expired_as_status() -> None:
    """Case C10, regression 3: the same where 410 is the answer to the watch."""
    check("expired_as_status")


def test_expired_twice() -> None:
    """Case C16: 410 after every list is braked twice as hard as other failures."""
    check("expired_twice")


def test_too_large_version() -> None:
    """Case C09: a server that is behind us says so to one question, and is listed."""
    check("too_large_version")


def test_restored_cluster() -> None:
    """Case C09: a watch from the future says nothing, so silence is looked into."""
    check("restored_cluster")


def test_opaque_versions() -> None:
    """Case C14: every change is applied as it comes, whatever its version looks like."""
    check("opaque_versions")


# -- servers that are away ----------------------------------------------------------------------------------------------


def test_outage() -> None:
    """Invariant 30: the delays grow, the position stays, and no list is needed."""
    check("outage")


def test_nothing_answers() -> None:
    """Regression 7: minutes of 503 cost nobody their position."""
    check("nothing_answers")


def test_restart() -> None:
    """Decision 13: a server that starts anew has forgotten its history, which costs one list."""
    check("restart")


def test_throttled() -> None:
    """Case C15, invariants 32 and 33: waits as long as it is told, and keeps its position."""
    check("throttled")


def test_forbidden_for_a_moment() -> None:
    """Regression 7, case C17: 403 is waited out at the start and later, and empties nothing."""
    check("forbidden_for_a_moment")


def test_watch_never_accepted() -> None:
    """Decision 13: where watches never work, lists keep the cache from standing still."""
    check("watch_never_accepted")


def test_ends_at_once() -> None:
    """Case C16, invariants 8 and 9, regression 22: the delays grow from end to end."""
    check("ends_at_once")


# -- lists --------------------------------------------------------------------------------------------------------------


def test_token_expired() -> None:
    """Case C02, regression 6: nothing stems from the pages before, and everything comes at once."""
    check("token_expired")


def test_throttled_list() -> None:
    """Case C15: one page that has to wait costs no other."""
    check("throttled_list")


def test_no_version() -> None:
    """Case C14: a list that cannot be watched changes nothing."""
    check("no_version")


# -- loads by a watch ---------------------------------------------------------------------------------------------------


def test_load() -> None:
    """Invariants 27, 54, 55 and 63: one stream for the content and for what follows."""
    check("load", by_watch=True)


def test_load_refused() -> None:
    """Invariants 58 and 325: a list in the same turn, and the refusal is remembered."""
    check("load_refused", by_watch=True)


def test_load_cut() -> None:
    """Invariants 56 and 62, regression 4: half a load is nothing, and its versions mean nothing."""
    check("load_cut", by_watch=True)


def test_load_ignored() -> None:
    """Invariants 56 and 324: a load without an end is given up in bounded time."""
    check("load_ignored", by_watch=True)


# -- resources that come and go -----------------------------------------------------------------------------------------


def test_resource_comes_late() -> None:
    """Case C50: what is not there at the start is looked for every few seconds."""
    check("resource_comes_late")


def test_resource_gone_and_back() -> None:
    """Case C50, regression 7: gone for certain empties the store, and the list of what is back fills it."""
    check("resource_gone_and_back")


def test_missing_for_a_moment() -> None:
    """Decision 13: one word of a server that has just started empties nothing."""
    check("missing_for_a_moment")


def test_another_version() -> None:
    """Case C50: another version is another resource, and is listed."""
    check("another_version")


def test_no_watch() -> None:
    """Case C14: said, and not stormed."""
    check("no_watch")


# -- lines that make no sense -------------------------------------------------------------------------------------------


def test_garbled() -> None:
    """Cases C08 and C30, regression 21: said, survived, and made up for by a list."""
    check("garbled")


# -- the player itself --------------------------------------------------------------------------------------------------


def test_every_transcript_is_played() -> None:
    """One test each, under its name."""
    names = {path.stem for path in TRANSCRIPTS.iterdir()}
    assert names <= {name.removeprefix("test_") for name in globals()}
    assert len(names) >= 12


@pytest.mark.parametrize("mark", [">", "=", "!", "?"])
def test_a_transcript_that_is_wrong_is_seen(mark: str) -> None:
    """A line that is missing, of whatever kind, is a difference; so is one that says something else."""
    right = (TRANSCRIPTS / "watch_never_accepted.txt").read_text()
    lines = right.splitlines()
    at = next(number for number, line in enumerate(lines) if f" {mark} " in line and not line.startswith("#"))
    if mark != "?":  # what is asked of the status is script
        missing = "\n".join([*lines[:at], *lines[at + 1 :], ""])
        assert play(missing) == right != missing
    changed = "\n".join([*lines[:at], lines[at] + "x", *lines[at + 1 :], ""])
    assert play(changed) == right != changed


@pytest.mark.parametrize(
    ("said", "fault"),
    [("accepts", "nobody asked"), ("ends", "no stream is open"), ("shrugs", "no such line")],
)
def test_a_server_cannot_say_what_makes_no_sense(said: str, fault: str) -> None:
    """An answer to nothing, a word on a closed stream, a word that nobody knows."""
    with pytest.raises(AssertionError, match=fault):
        play(f"0.0 < has v1 of it\n0.0 < lists 5:\n0.0 < refuses 403 Forbidden\n0.1 < {said}\n")
