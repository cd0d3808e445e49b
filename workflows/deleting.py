"""Delete runs, and the prepared pixels that only they used."""

from __future__ import annotations

from pathlib import Path

from .. import runs
from ..datasets.database import lost_in_words
from ..diffusion import pixels
from ..runs import Run, deleting


@lost_in_words()
def delete_run(run: str | Path | Run, *, yes: bool = False) -> deleting.Deletion:
    """Delete a run with all that is in it; say first what that is.

    Args:
        run: Its id, its path below ``<home>/runs``, or the run.
        yes: Delete it. By default nothing is deleted, and ``print`` of what is returned says
            what would be.

    Returns:
        What goes: files, bytes, generated images, trainings inside it.

    Raises:
        RunError: It is no run below the home, is damaged, is at work, or holds files that
            Curadiff did not make.
    """
    deletion = deleting.prepare(run)
    if yes:
        used = pixels.used_by(deletion.run)
        deletion.carry_out()
        for other in runs.listing():
            used -= pixels.used_by(other)
        pixels.forget(used)
    return deletion
