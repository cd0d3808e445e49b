"""Two ways to install the plugin without pip: a downloaded zip, and a link."""

import functools
import http.server
import importlib.metadata
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = yaml.safe_load((ROOT / "fiftyone.yml").read_text())
NAME = MANIFEST["name"]
LISTED = len(MANIFEST["operators"]) + len(MANIFEST["panels"])

LIST = """
import sys
import fiftyone.operators as foo
from fiftyone.core.cli import main
from fiftyone.operators.registry import OperatorRegistry
print("listed:")
print(OperatorRegistry().list_errors())
print([op.name for op in foo.list_operators(builtin=False)])
print("required:")
sys.argv = ["fiftyone", "plugins", "requirements", "{name}", "--print"]
main()
"""

SWITCH = """
import fiftyone.operators as foo, fiftyone.plugins as fop
def ours():
    return len([op for op in foo.list_operators() if op.plugin_name == "@curadiff/studio"])
fop.disable_plugin("@curadiff/studio")
print(ours())
fop.enable_plugin("@curadiff/studio")
print(ours())
print([skill.name for skill in fop.list_skills(plugin="@curadiff/studio")])
"""

TRAIN = """
import json, sys, time
import fiftyone as fo, fiftyone.operators as foo
from pathlib import Path
dataset = fo.load_dataset({dataset!r})
train = foo.get_operator("@curadiff/studio/train_diffusion")
run = train(
    dataset[:8], wait=False, progress=False, preset="demo", image_size=16, multipliers="1-2",
    steps=2, checkpoint_every=1, batch_size=4, device="cpu",
)
while run.status["state"] in ("starting", "running"):
    time.sleep(0.3)
assert run.status["state"] == "finished", run.status
assert "curadiff" not in sys.modules
print(run.id)
"""


@pytest.fixture
def archive(tmp_path):
    """Address of a zip of the checkout as it is on the disk, served on this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    # a commit object of the work tree, made beside the history: nothing of it is kept
    index = {"GIT_INDEX_FILE": str(tmp_path / "index")}
    run = functools.partial(
        subprocess.run, cwd=ROOT, check=True, capture_output=True, text=True, env=os.environ | index
    )
    if (ROOT / ".git").exists():
        run(["git", "read-tree", "HEAD"])
        run(["git", "add", "--update"])
        tree = run(["git", "write-tree"]).stdout.strip()
        run(["git", "archive", "--prefix=curadiff/", f"--output={folder / 'curadiff.zip'}", tree])
    else:
        pytest.skip("the tests do not run in a git checkout")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/curadiff.zip"
    server.shutdown()


@pytest.mark.slow
def test_a_downloaded_zip_lists_its_operators_and_trains(installation, archive, dataset):
    installation.fiftyone("plugins", "download", archive)
    installed = list(installation.plugins.rglob("fiftyone.yml"))
    assert len(installed) == 1
    assert not installed[0].is_symlink()

    listed = installation.fiftyone("operators", "list", "--enabled", "--names-only")
    assert "select_samples" in listed
    installation.python(TRAIN.format(dataset=dataset.name))
    assert installation.python(SWITCH).splitlines()[-3:] == [
        "0",
        str(LISTED),
        "['curate-and-train']",
    ]


def test_a_link_is_an_install(installation):
    (installation.plugins / "curadiff").symlink_to(ROOT, target_is_directory=True)
    said = installation.python(LIST.format(name=NAME)).splitlines()
    errors, operators = said[said.index("listed:") + 1 :][:2]
    assert errors == "[]"
    assert "run_study" in operators
    assert "curadiff" in operators
    assert any("diffusers" in line for line in said[said.index("required:") :])


@pytest.mark.slow
def test_requirements_that_are_met_are_installed_without_a_change(installation):
    (installation.plugins / "curadiff").symlink_to(ROOT, target_is_directory=True)
    before = installed_versions()
    installation.environment |= {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    installation.fiftyone("plugins", "requirements", NAME, "--install")
    assert installed_versions() == before


def test_a_deleted_plugin_is_gone(installation):
    copied = installation.plugins / "curadiff"
    copied.mkdir()
    for name in ("fiftyone.yml", "__init__.py", "version.py", "requirements.txt"):
        shutil.copy(ROOT / name, copied)
    names = ["plugins", "list", "--names-only"]
    before, _, after = installation.commands(names, ["plugins", "delete", NAME], names)
    assert NAME in before
    assert NAME not in after
    assert not copied.exists()


def installed_versions():
    """Every distribution of this environment with its version."""
    return sorted((found.name, found.version) for found in importlib.metadata.distributions())
