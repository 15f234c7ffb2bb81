"""A small project under this project's own configuration, and the tools that judge it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this repository."""
    return Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, repository: Path) -> Path:
    """An empty folder with a copy of the project's configuration."""
    shutil.copy(repository / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    """Run one of the environment's tools in the small project, which comes first on the import path."""

    def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name(tool)), *arguments]
        environment = os.environ | {"PYTHONPATH": str(project / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    return run
