"""Who may import whom, and what an import may cost."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import lazy_loader
import pytest

ROOT = Path(__file__).resolve().parents[1]

# A package may import what stands below it; the packages of one row do not know each other.
ROWS = [
    {"operators", "cli"},
    {"jobs"},
    {"studies"},
    {"workflows"},
    {"datasets", "encoders", "selectors", "metrics", "diffusion", "demo"},
    {"layouts", "preferences"},
    {"config", "runs"},
    {"common"},
    {"version"},
]
LEVEL = {name: level for level, row in enumerate(ROWS) for name in row}
IMAGES = ROOT / "common" / "images"
MAY_FIFTYONE = {"operators", "datasets"}


def sources() -> list[Path]:
    packages = [ROOT / name for row in ROWS for name in row if (ROOT / name).is_dir()]
    modules = [ROOT / f"{name}.py" for row in ROWS for name in row]
    return [f for p in packages for f in sorted(p.rglob("*.py"))] + [
        m for m in modules if m.exists()
    ]


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> list[tuple[str, int]]:
    """Top-level names that a file imports: ours as they stand in the root, others as they are."""
    depth = len(path.relative_to(ROOT).parts) - 1
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name.split(".")[0], node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")[0]
            if node.level == 0:
                found.append((module, node.lineno))
            elif node.level == depth + 1:  # from the root
                names = [module] if module else [alias.name for alias in node.names]
                found += [(name, node.lineno) for name in names]
    return found


def test_imports_point_downward():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources()
        for name, line in imports(path)
        if name in LEVEL and name != package_of(path) and LEVEL[name] <= LEVEL[package_of(path)]
    ]
    assert not wrong


def test_fiftyone_is_imported_by_datasets_and_operators_only():
    users = {package_of(path) for path in sources() if "fiftyone" in dict(imports(path))}
    assert users <= MAY_FIFTYONE


def test_what_a_data_set_keeps_for_us_goes_through_one_module():
    # ``dataset.info`` is a copy: writing it back takes away what another process has written.
    raw = re.compile(r"\.info\b(?!\()")
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in sources()
        if path != ROOT / "datasets" / "info.py"
        and IMAGES not in path.parents  # Pillow's images have an info of their own
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if raw.search(line) and "import" not in line
    ]
    assert not wrong


def test_images_are_opened_in_one_place():
    """Elsewhere nothing may decode a file: only ``common.images`` limits formats and memory."""
    readers = {"open", "imread", "read_image", "decode_image", "decode_jpeg", "imdecode"}
    owners = {"Image", "cv2", "io", "imageio", "iio", "plt", "tifffile", "skimage", "mpimg"}
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        if IMAGES not in path.parents
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in readers
        and isinstance(node.value, ast.Name)
        and node.value.id in owners
    ]
    assert not wrong


def users(name: str) -> set[str]:
    """Files of the project that call or read something of this name."""
    return {
        str(path.relative_to(ROOT))
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.Attribute) and node.attr == name)
    }


def test_one_module_asks_pytorch_which_devices_there_are():
    asks = users("is_available") - {"workflows/doctor.py"}  # which reports what there is
    assert asks == {"common/devices.py"}


def test_one_module_writes_files_under_a_temporary_name():
    # The others move a folder or a lock out of sight; they write nothing to rename it into place.
    hide = {"runs/lease.py", "runs/deleting.py", "runs/directory.py"}
    hide |= {"common/temporary.py", "diffusion/train/checkpoint.py"}
    assert users("temporary") == {"common/files.py"} | hide


def test_one_module_says_how_the_things_of_a_study_are_called():
    # ``{study}-{arm}-s{seed}`` and ``{data set}-{study}``
    spelled = re.compile(
        r"-s\{+[\w.'\"\[\]]*seed"
        r"|\{[\w.]*(dataset|source|label|config|run)(\.name|\.id)?\}-\{"
        r"|\{[\w.]*\}-generated"
    )
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in sources()
        if path != ROOT / "common" / "keys.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if spelled.search(line) and "began" not in line  # a tracker's id, of a run and an hour
    ]
    assert not wrong


def test_the_package_list_is_what_is_on_the_disk():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    ours = {package_of(path) for path in sources()}
    there = {
        "curadiff." + ".".join(init.parent.relative_to(ROOT).parts)
        for name in ours
        for init in (ROOT / name).rglob("__init__.py")
    }
    assert set(listed) == there | {"curadiff"}


def run(*words: str, cwd: Path, **options) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_is_light(tmp_path):
    heavy = ("torch", "fiftyone", "pydantic", "numpy")
    code = f"import sys, curadiff; print([m for m in {heavy} if m in sys.modules])"
    assert run("-c", code, cwd=tmp_path).strip() == "[]"


def test_help_needs_neither_torch_nor_fiftyone(tmp_path):
    code = (
        "import sys\nfrom curadiff.cli import main\n"
        "try: main(['study', '--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'fiftyone') if m in sys.modules])"
    )
    assert run("-c", code, cwd=tmp_path).strip().endswith("[]")


def test_a_training_is_prepared_and_started_without_torch(tmp_path):
    code = "import sys, curadiff.diffusion.jobs; print('torch' in sys.modules)"
    assert run("-c", code, cwd=tmp_path).strip() == "False"


def test_numerics_need_neither_fiftyone_nor_plotly(tmp_path):
    code = (
        "import sys; sys.modules['fiftyone'] = sys.modules['plotly'] = None\n"
        "import curadiff.diffusion.train.worker, curadiff.selectors, curadiff.metrics\n"
        "import curadiff.encoders, curadiff.preferences"
    )
    run("-c", code, cwd=tmp_path)


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess, asyncio, selectors; selectors.SelectSelector",
        "import multiprocessing as m; m.get_context('spawn').Process(target=print).start()",
        "import diffusers, accelerate",
    ],
)
def test_python_started_in_the_root_finds_the_standard_selectors(code):
    run("-c", code, cwd=ROOT)


def test_pytest_started_as_a_module_in_the_root_works():
    out = run("-m", "pytest", "--collect-only", "-q", "tests/test_architecture.py", cwd=ROOT)
    assert "test_pytest_started_as_a_module" in out


def test_a_child_process_runs_the_checkout_that_started_it(tmp_path):
    # -S leaves out site-packages, and with it an installed curadiff.
    (tmp_path / "lazy_loader").symlink_to(Path(lazy_loader.__file__).parent)
    environment = {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(tmp_path)}
    bootstrap = str(ROOT / "runs" / "bootstrap.py")
    shown = run("-S", bootstrap, "curadiff.version", cwd=tmp_path, env=environment)
    assert shown == ""
    broken = subprocess.run(
        [sys.executable, "-S", "-m", "curadiff.version"], cwd=tmp_path, env=environment, check=False
    )
    assert broken.returncode != 0
