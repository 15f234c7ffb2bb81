"""Questions put together, and what they say of an answer that is no."""

from __future__ import annotations

import pytest

from kubeinformer import KubernetesObject, all_of, any_of, changed, condition, deleted, exists, not_
from kubeinformer.controller.combinators import missing
from kubeinformer.objects import decode_object
from kubeinformer.resources import Resource

PODS = Resource("", "v1", "pods", "Pod")


def pod(metadata: str = "", rest: str = "") -> KubernetesObject:
    text = f'{{"metadata": {{"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7" {metadata}}} {rest}}}'
    return decode_object(text.encode(), PODS)


def test_answers_combine() -> None:
    """As the words say, for one argument or two."""
    yes, no = (lambda *_: True), (lambda *_: False)
    for arguments in ((1,), (1, 2)):
        assert all_of(yes, yes)(*arguments)
        assert not all_of(yes, no)(*arguments)
        assert any_of(no, yes)(*arguments)
        assert not any_of(no, no)(*arguments)
        assert not_(no)(*arguments)
        assert not not_(yes)(*arguments)
    with pytest.raises(TypeError, match="wants functions"):
        all_of()


def test_a_change_is_one_of_the_value_that_counts() -> None:
    """What cannot be found counts as nothing, on either side."""
    generation = changed(lambda found: found.generation)
    assert not generation(pod(), pod())
    assert generation(pod(), pod(', "generation": 2'))
    node = changed(lambda found: found["spec"]["nodeName"])
    assert node(pod(), pod(rest=', "spec": {"nodeName": "one"}'))
    assert not node(pod(rest=', "spec": null'), pod())
    assert "changed" in repr(all_of(generation, not_(node)))


def test_existence_and_deletion() -> None:
    """An object that is being deleted neither exists nor is gone; another one of its name means that it is gone."""
    being_deleted = pod(', "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]')
    assert (exists(pod()), exists(being_deleted), exists(None)) == (True, False, False)
    assert (deleted()(pod()), deleted()(None), deleted("u")(pod()), deleted("v")(pod())) == (
        False,
        True,
        False,
        True,
    )
    assert missing(deleted(), being_deleted) == "it is still there, held by the finalizers a/b"
    assert missing(exists, None) == "exists"


def test_conditions_are_of_the_present_generation() -> None:
    """`Ready` of an older generation says nothing; what is missing is said in words."""

    def ready(status: str, more: str = "") -> KubernetesObject:
        return pod(
            ', "generation": 3',
            f', "status": {{"conditions": [{{"type": "Ready", "status": "{status}" {more}}}]}}',
        )

    assert condition("Ready")(ready("True"))
    assert condition("Ready", "False")(ready("False"))
    assert not condition("Ready")(None)
    assert missing(condition("Ready"), None) == "it does not exist"
    assert missing(condition("Ready"), pod()) == "it has no condition Ready"
    assert (
        missing(condition("Ready"), ready("False", ', "reason": "Slow"')) == "Ready is False (Slow), not True"
    )
    old = ready("True", ', "observedGeneration": 2')
    assert missing(condition("Ready"), old) == "Ready is True for generation 2, not yet for 3"
    assert missing(all_of(exists, condition("Ready")), pod()) == "it has no condition Ready"
    both = any_of(condition("Ready"), deleted())
    assert missing(both, pod()) == "it has no condition Ready or it is still there"
