"""What the project says of itself holds: dependencies, versions, references."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
MODULES = {"scikit-image": "skimage", "PyWavelets": "pywt"}


def package(requirement: str) -> str:
    """Return the name in ``name>=1,<2``."""
    return re.split(r"[<>=!~;\[ ]", requirement)[0]


def imported() -> set[str]:
    """Return every package that the code asks for."""
    files = [f for folder in ("src", "benchmarks", "examples") for f in (ROOT / folder).rglob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8")))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


def test_every_dependency_is_used():
    tools = {package(line) for line in EXTRAS["dev"]}
    asked = {package(line) for lines in (PROJECT["dependencies"], *EXTRAS.values()) for line in lines} - tools
    assert {MODULES.get(name, name) for name in asked} - imported() == set()


def test_every_dependency_has_a_tested_version():
    asked = {package(line) for lines in (PROJECT["dependencies"], *EXTRAS.values()) for line in lines}
    pinned = re.findall(r"^([\w.-]+)==[\d.]+(?:post\d+)?$", (ROOT / "constraints.txt").read_text("utf-8"), re.M)
    assert asked - set(pinned) == set()


def test_every_citation_has_its_reference():
    cited = set(re.findall(r"@(\w+)", (ROOT / "docs/theory.md").read_text("utf-8")))
    kept = re.findall(r"^@\w+\{(\w+),$", (ROOT / "docs/refs.bib").read_text("utf-8"), re.M)
    assert cited
    assert cited - set(kept) == set()
    assert len(kept) == len(set(kept))
