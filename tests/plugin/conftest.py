"""A plugin that was only downloaded: FiftyOne in a process that cannot import curadiff."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Every process of an installation starts with this: the package's installed finder is taken
# out, so that only what FiftyOne finds in its plugins folder, and what the plugin itself
# brings to its children, can be imported.
SITECUSTOMIZE = f"""
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "curadiff" not in str(finder)]
sys.path[:] = [path for path in sys.path if path != {str(ROOT)!r}]
"""
PROOF = """
try:
    import curadiff
except ImportError:
    pass
else:
    raise SystemExit(f"curadiff can be imported from {curadiff.__file__}: this proves nothing")
"""


# Several commands in one process: starting FiftyOne takes longer than any of them.
COMMANDS = """
import json, sys
from fiftyone.core.cli import main
for words in json.loads(sys.argv[1]):
    print("$", *words)
    sys.argv = ["fiftyone", *words]
    main()
"""


class Installation:
    """FiftyOne with a plugins folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.plugins, self.home = folder / "plugins", folder / "home"
        self.plugins.mkdir(parents=True)
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(SITECUSTOMIZE)
        self.environment = os.environ | {
            "FIFTYONE_PLUGINS_DIR": str(self.plugins),
            "CURADIFF_HOME": str(self.home),
            "FIFTYONE_APP_CONFIG_PATH": str(folder / "app_config.json"),  # who is enabled
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": str(folder / "site"),
            "OMP_NUM_THREADS": "1",
        }

    def fiftyone(self, *words: str) -> str:
        """Run FiftyOne's command line."""
        return self._run([str(Path(sys.executable).with_name("fiftyone")), *words])

    def commands(self, *commands: list[str]) -> list[str]:
        """Run commands of FiftyOne's command line one after the other; return what each says."""
        said = self._run([sys.executable, "-c", PROOF + COMMANDS, json.dumps(commands)])
        return said.split("$ ")[1:]

    def python(self, code: str) -> str:
        """Run Python without the package."""
        return self._run([sys.executable, "-c", PROOF + code])

    def _run(self, words: list[str]) -> str:
        done = subprocess.run(
            words, cwd=self.home.parent, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{words[:3]}\n{done.stdout}\n{done.stderr[-4000:]}"
        return done.stdout


@pytest.fixture
def installation(tmp_path):
    """An empty installation on the tests' database."""
    import fiftyone as fo

    fo.list_datasets()  # the database is up before the children look for it
    return Installation(tmp_path)
