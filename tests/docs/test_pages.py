"""What the README and the guides show works: commands, Python, links, error sentences."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import curadiff
import pytest
import yaml
from curadiff.cli import command_line
from curadiff.cli.flags import given_settings
from curadiff.config import VERBS, RatePlanSettings, RateSettings, StudySettings
from curadiff.config.metrics import METRICS
from curadiff.datasets import pool_fields
from curadiff.datasets.selections import OF_POOL
from curadiff.selectors import METHODS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "skills").rglob("*.md")),
]
EVERY = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
FILLED_IN = r"\.\.\.|\([^)]*\)|'[^']*'|\d+|\bfirst\b|\bsteps\b|photos|dataset:"
MODELS = {**VERBS, "rate start": RateSettings, "rate plan": RatePlanSettings}


def blocks(page: Path, language: str) -> list[str]:
    text = re.sub(r"^ {2,4}(?=```)", "", page.read_text(), flags=re.MULTILINE)
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    for block in blocks(page, "(?:sh|bash|console)"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):  # set for this command alone
                words = words[1:]
            if words:
                yield words


@EVERY
def test_commands_exist_with_their_flags_and_values(page):
    makefile = (ROOT / "Makefile").read_text()
    for words in commands(page):
        if words[0] == "curadiff":
            given = words[1:]
            if "|" in given or ">" in given:
                given = given[: min(given.index(sign) for sign in "|>" if sign in given)]
            if "..." in given:
                continue
            try:
                parsed = command_line().parse(given)
            except SystemExit:
                pytest.fail(f"curadiff refuses: {shlex.join(words)}")
            verb = " ".join(given[:2]) if parsed.verb == "rate" else parsed.verb
            if verb in MODELS and not getattr(parsed, "file", None):
                model = MODELS[verb]
                values = given_settings(parsed, model)
                model(**{name: value for name, value in values.items() if value is not None})
        elif words[0] == "make":
            for target in (word for word in words[1:] if "=" not in word):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        elif words[:2] == ["python", "-m"]:
            module = ROOT / words[2].removeprefix("curadiff.").replace(".", "/")
            there = module.is_dir() or module.with_suffix(".py").is_file()
            assert there or importlib.util.find_spec(words[2].partition(".")[0])


@EVERY
def test_python_compiles_and_calls_verbs_with_keywords_that_they_take(page):
    for block in blocks(page, "python"):
        tree = ast.parse(block)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            function = call.func
            if not (
                isinstance(function, ast.Attribute)
                and isinstance(function.value, ast.Name)
                and function.value.id == "curadiff"
            ):
                continue
            signature = inspect.signature(getattr(curadiff, function.attr))
            keywords = [word.arg for word in call.keywords if word.arg]
            signature.bind(*[None] * len(call.args), **dict.fromkeys(keywords))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("curadiff"):
                module = importlib.import_module(node.module or "")
                for name in node.names:
                    found = hasattr(module, name.name) or importlib.util.find_spec(
                        f"{node.module}.{name.name}"
                    )
                    assert found, (node.module, name.name)


@pytest.mark.parametrize("number", range(len(blocks(ROOT / "docs" / "extend.md", "python"))))
def test_every_snippet_on_extending_runs(number):
    before = [(registry, dict(registry)) for registry in (METHODS, METRICS)]
    code = blocks(ROOT / "docs" / "extend.md", "python")[number]
    try:
        exec(compile(code, "extend.md", "exec"), {})
    finally:
        for registry, entries in before:
            registry.clear()
            registry.update(entries)


@EVERY
def test_links_and_references_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in link:
            assert (page.parent / link).exists(), link
    assert "OWNER" not in text
    for name in re.findall(r"^::: curadiff\.(\S+)$", text, re.MULTILINE):
        module = ROOT / name.replace(".", "/")
        assert module.is_dir() or module.with_suffix(".py").is_file(), name


def test_the_review_names_code_that_is_there():
    text = " ".join((ROOT / "docs" / "plugin-review.md").read_text().split())
    named = re.findall(r"`(\w+)` \(([\w/]+\.py)\)", text)
    assert len(named) > 9
    for name, file in named:
        code = (ROOT / file).read_text()
        assert re.search(rf"^\s*(def |class )?{name}\b", code, re.MULTILINE), (name, file)


@EVERY
def test_no_line_of_prose_is_too_long_to_read(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for line in text.splitlines():
        prose = not line.startswith(("|", "![", "description:", "title:"))
        assert len(line) <= 124 or not prose or " " not in line.strip(), line


def test_settings_in_files_are_settings():
    for file in (ROOT / "docs").rglob("*.yaml"):
        settings = yaml.safe_load(file.read_text())
        settings.pop("source", None)
        StudySettings(**settings)


def test_troubleshooting_has_the_real_sentences():
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    sentences = re.findall(r"^\| `(.*?)` \|", page, re.MULTILINE)
    assert len(sentences) > 12
    for sentence in sentences:
        for part in re.split(FILLED_IN, sentence):
            part = part.strip(" ,;:.()")
            if len(part) > 12:
                assert any(part in text for text in spoken()), part


def test_every_field_on_samples_is_described():
    page = (ROOT / "docs" / "run-directory.md").read_text()
    fields = {
        field for one in METRICS.values() for field in (*one.generated_fields, *one.real_fields)
    }
    for field in (*fields, *(f"{name}" for name in OF_POOL)):
        assert re.search(rf"`KEY_{field}(_id)?`", page), field
    for field in pool_fields.FIELDS:
        assert f"`ENCODER_{field}`" in page, field


@functools.cache
def spoken() -> list[str]:
    """All texts in the sources; what is filled in is left out."""
    texts = []
    for file in ROOT.rglob("*.py"):
        if file.relative_to(ROOT).parts[0] in (".venv", "tests", "benchmarks", "docs", "build"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [p.value if isinstance(p, ast.Constant) else "\0" for p in node.values]
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts
