"""What was recorded of the built-in kinds is what the real server shows."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from kubeinformer.testing.control_plane import ControlPlane
from kubeinformer.testing.plain_client import PlainClient

pytestmark = pytest.mark.control_plane
ROOT = Path(__file__).parents[2]


@pytest.fixture
def record_kinds(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that records them."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    specification = importlib.util.spec_from_file_location(
        "record_kinds", ROOT / "scripts" / "record_kinds.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "record_kinds", module)
    specification.loader.exec_module(module)
    return module


def test_the_recording_is_true(control_plane: ControlPlane, record_kinds: ModuleType) -> None:
    """Recorded again, each resource is the same; those of definitions that other tests made are left out."""
    client = PlainClient(
        control_plane.url, ca_file=Path(control_plane.ca_file), token=control_plane.admin_token
    )
    again = record_kinds.record(client)
    minor = ".".join(again["version"].split(".")[:2])
    committed = json.loads((record_kinds.FOLDER / f"{minor}.json").read_text())["resources"]
    known = {entry.get("group", "") for entry in committed}
    assert [entry for entry in again["resources"] if entry.get("group", "") in known] == committed
