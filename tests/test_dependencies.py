"""What is imported is declared, and what is declared is imported."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {".venv", "tests", "benchmarks", "docs", "build", "dist"}
OTHERS_NEED = {
    "torchvision": "open_clip, timm and torch-fidelity import it; it must fit the version of torch",
    "wandb": "accelerate imports it where a training's tracker is wandb",
}


def declared() -> set[str]:
    files = [ROOT / "requirements.txt", *sorted((ROOT / "requirements").glob("*.txt"))]
    lines = [line.partition("#")[0].strip() for file in files for line in file.open()]
    return {normal(re.split(r"[\s<>=!~\[]", line)[0]) for line in lines if line}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in ROOT.rglob("*.py"):
        if file.relative_to(ROOT).parts[0] in ELSEWHERE:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                found.setdefault(name.partition(".")[0], str(file.relative_to(ROOT)))
    known = sys.stdlib_module_names | {"curadiff"}
    return {name: file for name, file in found.items() if name not in known}


def test_every_import_is_declared_and_every_declaration_is_imported():
    known = importlib.metadata.packages_distributions()
    known |= {
        "umap": ["umap-learn"],
        "torch_fidelity": ["torch-fidelity"],
        "triton": ["torch"],  # brings it where it computes on a GPU
    }  # extras, maybe not here
    packages = {name: {normal(one) for one in known.get(name, [name])} for name in imported()}
    undeclared = {name: of for name, of in packages.items() if not of & declared()}
    assert not undeclared, {name: imported()[name] for name in undeclared}
    used = set().union(*packages.values())
    assert declared() - used <= set(OTHERS_NEED)
