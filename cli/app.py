"""``curadiff app``: open the FiftyOne App, with this plugin in it."""

from __future__ import annotations

from pathlib import Path

from ..datasets import reading
from ..datasets.database import fiftyone

ROOT = Path(__file__).resolve().parents[1]


def open_app(dataset: str | None, *, port: int) -> None:
    """Show a data set in the App until Ctrl-C."""
    fo = fiftyone()
    link_plugin(Path(fo.config.plugins_dir))
    shown = reading.resolve(dataset)[1] if dataset else None
    session = fo.launch_app(shown, port=port, address="127.0.0.1")
    print(f"The App is at {session.url}; end it with Ctrl-C.")
    session.wait(-1)


def link_plugin(folder: Path) -> None:
    """Make this checkout a plugin of FiftyOne's, unless one of its name is there."""
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    for manifest in folder.glob("*/fiftyone.yml"):
        if (yaml.safe_load(manifest.read_text()) or {}).get("name") == "@curadiff/studio":
            return
    target = folder / "curadiff"
    target.unlink(missing_ok=True)
    target.symlink_to(ROOT, target_is_directory=True)
