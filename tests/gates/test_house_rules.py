"""What no linter knows: files stay short, and speak of the project alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LONGEST_FILE = 400
FOLDERS = ("src", "tests", "docs", "examples", "scripts", "benchmarks", ".ci")
TEXT_FILES = {"", ".md", ".mod", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.:])/(work|root)/",
    "a package registry's host": r"pypi\.o[r]g|pythonhoste[d]|proxy\.golan[g]|/opt/whee[l]s",
    "work left open": r"\b(TOD[O]|FIXM[E]|XX[X])\b",
}
SWITCHED_OFF = re.compile(r"#\s*(?:type:\s*ignore|noqa)\b(?P<rest>.*)")
REASON = re.compile(r"(?:\[[\w, -]+\]|:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)\s*(?:#|-)\s*\w+")
REAL_SLEEP = re.compile(r"\btime\.slee[p]\(|\basyncio\.slee[p]\((?!0\))")


def text_files(repository: Path) -> list[Path]:
    """Return the files that people write, and no caches."""
    tops = [path for path in repository.iterdir() if path.is_file() and path.name != "LICENSE"]
    inside = [path for folder in FOLDERS for path in (repository / folder).rglob("*") if path.is_file()]
    return sorted(
        path for path in tops + inside if path.suffix in TEXT_FILES and "__pycache__" not in path.parts
    )


def faults(path: Path, text: str) -> list[str]:
    """Return the house rules that a file breaks."""
    lines = text.splitlines()
    found = [
        f"{what}, line {n}"
        for n, line in enumerate(lines, 1)
        for what, rule in FORBIDDEN.items()
        if re.search(rule, line)
    ]
    if path.suffix != ".py":
        return found
    if len(lines) > LONGEST_FILE:
        found.append(f"{len(lines)} lines")
    for number, line in enumerate(lines, 1):
        switched_off = SWITCHED_OFF.search(line)
        if switched_off and not REASON.match(switched_off["rest"]):
            found.append(f"a check switched off without its code and a reason, line {number}")
        if path.name.startswith("test_") and REAL_SLEEP.search(line):
            found.append(f"real sleeping in a test, line {number}")
    return found


def test_every_file_keeps_the_house_rules(repository: Path) -> None:
    """No file is too long, sleeps, leaves work open or speaks of one machine."""
    files = text_files(repository)
    assert repository / "src" / "kubeinformer" / "errors.py" in files
    broken = [
        f"{path.relative_to(repository)}: {fault}"
        for path in files
        for fault in faults(path, path.read_text())
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.py", "x = 1\n" * 401, "401 lines"),
        ("a.md", "see /wo" + "rk/main/README.md", "a path of one machine, line 1"),
        ("a.py", "\n# in /ro" + "ot/.cache", "a path of one machine, line 2"),
        ("a.toml", 'index = "py' + 'pi.org"', "a package registry's host, line 1"),
        ("a.py", "# TO" + "DO later", "work left open, line 1"),
        ("a.py", "f()  # no" + "qa", "a check switched off without its code and a reason, line 1"),
        ("a.py", "f()  # no" + "qa: S603", "a check switched off without its code and a reason, line 1"),
        (
            "a.py",
            "f()  # type: ig" + "nore[misc]",
            "a check switched off without its code and a reason, line 1",
        ),
        ("test_a.py", "time.slee" + "p(0.1)", "real sleeping in a test, line 1"),
        ("test_a.py", "await asyncio.slee" + "p(1)", "real sleeping in a test, line 1"),
    ],
)
def test_a_broken_rule_is_found(name: str, text: str, fault: str) -> None:
    """Each rule sees the fault that it is there for."""
    assert faults(Path(name), text) == [fault]


def test_what_is_allowed_is_not_found() -> None:
    """Reasons, giving way to the loop, and addresses on servers are no faults."""
    text = (
        "f()  # no" + "qa: S603, S607 - fixed words\n"
        "g()  # type: ig" + "nore[misc, arg-type]  # it must fail\n"
        "await asyncio.sleep(0)\n"
        "get('https://127.0.0.1/work/')\n"
    )
    assert faults(Path("test_a.py"), text) == []
