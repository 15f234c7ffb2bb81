"""The rows of the reflector's table that list: parameters, pages, tokens, versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cache.reflector_examples import (
    BROKEN,
    CUT,
    EXPIRED,
    MISSING,
    THROTTLED,
    only,
    step,
)

from kubeinformer.cache import reflector_effects as effects
from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.reflector_memory import Memory, State
from kubeinformer.cache.reflector_states import Machine
from kubeinformer.errors import BadRequest, ConfigurationError, Forbidden, InvalidResponse, KubeInformerError


def test_the_first_list_asks_for_the_latest_version_in_pages() -> None:
    """Decision: a consistent list in pages of 500, served from the watch cache since 1.34."""
    machine = Machine()
    done = step(machine, inputs.Resolved(can_watch=True, from_cache=True, changed=False))
    assert done[-1] == effects.List({"limit": "500"}, first=True)


def test_an_older_server_is_asked_for_its_cache_first_and_for_the_latest_on_a_relist() -> None:
    """Invariant 26: version 0 on the first list where the latest would come from etcd; never on a re-list."""
    machine = Machine()
    done = step(machine, inputs.Resolved(can_watch=True, from_cache=False, changed=False))
    assert done[-1] == effects.List({"limit": "500", "resourceVersion": "0"}, first=True)
    step(machine, inputs.Listed("7"))
    done = step(machine, inputs.Failed(EXPIRED), now=1000.0)
    assert done[-1] == effects.List({"limit": "500"}, first=True)


def test_later_pages_carry_token_and_limit_alone() -> None:
    """Invariant 74, case C02: a version beside a continue token is refused."""
    machine = Machine(State.LISTING)
    done = step(machine, inputs.Page("abc"))
    assert done == (effects.List({"limit": "500", "continue": "abc"}, first=False),)


def test_an_expired_token_leads_to_one_list_without_pages() -> None:
    """Invariants 43 and 75, case C02: everything at once, and only once."""
    machine = Machine(State.LISTING)
    step(machine, inputs.Page("abc"))
    done = step(machine, inputs.Failed(EXPIRED))
    assert done[-1] == effects.List({}, first=True)
    step(machine, inputs.Page("odd"))
    done = step(machine, inputs.Failed(EXPIRED))
    assert isinstance(done[-1], effects.Wait)


def test_a_server_whose_tokens_always_expire_is_asked_ever_less_often() -> None:
    """Case C02: the number of restarts is bounded, two in the first second and one in half a minute in the end."""
    machine, now, begun = Machine(State.LISTING), 0.0, 0
    while now < 300.0:
        begun += 1
        assert begun <= 30
        step(machine, inputs.Page(f"token-{begun}"), now=now)
        done = step(machine, inputs.Failed(EXPIRED), now=now)
        if isinstance(done[-1], effects.Wait):
            now += done[-1].seconds
            done = step(machine, inputs.Due(), now=now)
        assert only(done, effects.List).first


@pytest.mark.parametrize(
    "error",
    [CUT, BROKEN, THROTTLED, InvalidResponse("a gateway's page", code=502), ConfigurationError("token")],
)
def test_a_page_that_is_not_answered_is_asked_for_again(error: KubeInformerError) -> None:
    """Case C15: a server that is overloaded for a moment must not send the whole list again; after a while it must."""
    machine = Machine(State.LISTING)
    done = step(machine, inputs.Page("abc"))
    asked = []
    for _ in range(7):
        done = step(machine, inputs.Failed(error))
        assert isinstance(done[-1], effects.Wait)
        asked.append(step(machine, inputs.Due())[-1])
    page = effects.List({"limit": "500", "continue": "abc"}, first=False)
    assert asked == [page] * 5 + [effects.List({"limit": "500"}, first=True)] * 2


def test_every_page_has_tries_of_its_own() -> None:
    """A long list gets through an hour in which every other request fails."""
    machine = Machine(State.LISTING)
    for number in range(40):
        done = step(machine, inputs.Page(f"page-{number}"))
        step(machine, inputs.Failed(BROKEN))
        assert step(machine, inputs.Due()) == done
    assert isinstance(step(machine, inputs.Listed("7"))[-1], effects.OpenWatch)


@pytest.mark.parametrize(
    "error", [Forbidden(403, "Forbidden", "no"), BadRequest(400, "BadRequest", "bad token")]
)
def test_a_page_that_is_refused_begins_the_list_anew(error: KubeInformerError) -> None:
    """That answer is about the request: the same one would bring the same answer."""
    machine = Machine(State.LISTING)
    step(machine, inputs.Page("abc"))
    step(machine, inputs.Failed(error))
    assert step(machine, inputs.Due())[-1] == effects.List({"limit": "500"}, first=True)


def test_a_page_that_asks_for_itself_ends() -> None:
    """A server that does not know what to do with a token would be asked for ever: it is asked for everything."""
    machine = Machine(State.LISTING)
    step(machine, inputs.Page("abc"))
    done = step(machine, inputs.Page("abc"))
    assert "asks for itself" in str(only(done, effects.Report).error)
    assert done[-1] == effects.List({}, first=True)
    step(machine, inputs.Page("abc"))
    assert isinstance(step(machine, inputs.Page("abc"))[-1], effects.Wait)


def test_a_token_is_forgotten_with_its_list() -> None:
    """When the resource was missing meanwhile, the next list begins at its first page."""
    machine = Machine(State.LISTING)
    step(machine, inputs.Page("abc"))
    step(machine, inputs.Failed(MISSING))
    assert machine.memory.token == ""
    step(machine, inputs.Due())
    done = step(machine, inputs.Resolved(can_watch=True, from_cache=True, changed=False))
    assert done[-1] == effects.List({"limit": "500"}, first=True)


def test_a_list_without_a_version_cannot_be_watched() -> None:
    """Case C14: an error with back-off, and the store is left as it is."""
    machine = Machine(State.LISTING)
    done = step(machine, inputs.Listed(""))
    assert "cannot be watched" in str(only(done, effects.Report).error)
    assert not [effect for effect in done if isinstance(effect, effects.Replace)]


def test_the_version_of_a_list_is_stored_with_its_content() -> None:
    """Invariant 41 in our form: the watch starts at the list's version, after the content was handed on."""
    machine = Machine(State.LISTING)
    done = step(machine, inputs.Listed("7"), random=0.5)
    assert done[0] == effects.Replace("7")
    assert done[-1].parameters == {  # type: ignore[union-attr]  # the last effect is OpenWatch
        "watch": "true",
        "resourceVersion": "7",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "450",
    }


@given(st.floats(0, 0.999999))
def test_watch_time_outs_lie_between_five_and_ten_minutes(random: float) -> None:
    """Invariant 19."""
    machine = Machine(State.LISTING)
    done = step(machine, inputs.Listed("7"), random=random)
    assert 300 <= int(only(done, effects.OpenWatch).parameters["timeoutSeconds"]) < 600


def test_a_consistent_relist_may_lower_the_version() -> None:
    """Decision 13: clusters get restored."""
    machine = Machine(State.LISTING, Memory(version="900", loaded=True))
    step(machine, inputs.Listed("7"))
    assert machine.memory.version == "7"
