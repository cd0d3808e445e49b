"""``curadiff app``: open the FiftyOne App, with this plugin in it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..common.errors import EnvironmentFault
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
    """Make this checkout a plugin of FiftyOne's, unless one of its name is there.

    Raises:
        EnvironmentFault: Something else has the plugin's place.
    """
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    for manifest in folder.glob("*/fiftyone.yml"):
        with suppress(OSError, ValueError, yaml.YAMLError):  # of another plugin
            known = yaml.safe_load(manifest.read_text())
            if isinstance(known, dict) and known.get("name") == "@curadiff/studio":
                return
    target = folder / "curadiff"
    if target.is_symlink() and not target.exists():  # to a checkout that has moved
        target.unlink()
    if target.exists():
        raise EnvironmentFault(
            f"{target} is there and is no plugin of Curadiff; move it away, so that the App finds "
            "this one."
        )
    target.symlink_to(ROOT, target_is_directory=True)
