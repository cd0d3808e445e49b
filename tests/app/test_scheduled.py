"""What was scheduled for ``fiftyone delegated launch`` is to be seen in the panel."""

import shutil

import curadiff
import fiftyone.operators as foo
import pytest
from curadiff.datasets.scheduled import remove, scheduled
from curadiff.operators.panels import scheduled as card
from curadiff.operators.panels.pipeline import PipelinePanel
from curadiff.workflows.overview import overview
from fiftyone.operators import types
from fiftyone.operators.delegated import DelegatedOperationService


@pytest.fixture
def one_gone(photos, tmp_path):
    """Twenty photographs, one of which is removed after the import."""
    folder = shutil.copytree(photos / "round", tmp_path / "round")
    made = curadiff.import_images(folder, name=f"scheduled-{tmp_path.name}").dataset
    (folder / "001.png").unlink()
    yield made
    made.delete()


def seen(dataset):
    """What the panel says of it, as JSON text."""
    page = types.Object()
    card.add_scheduled(page, scheduled(dataset), overview(dataset), PipelinePanel())
    return str(page.to_json())


def test_what_waits_and_what_has_failed_is_said_until_it_is_asked_for_again(plugin, home, one_gone):
    assert "Scheduled" not in seen(one_gone)
    context = {"dataset": one_gone, "params": {"selection": "-", "preset": "demo", "steps": 3}}
    train = "@curadiff/studio/train_diffusion"
    foo.execute_operator(train, context, request_delegation=True)
    assert "**Train diffusion** waits" in seen(one_gone)
    assert card.is_open(scheduled(one_gone))

    DelegatedOperationService().execute_queued_operations(limit=1, log=False)
    failed = seen(one_gone)
    assert "**Train diffusion** failed" in failed
    assert "001.png does not exist; restore it or remove its sample" in failed
    assert "Edit and retry" in failed
    (stored,) = scheduled(one_gone)
    assert stored.form["steps"] == 3
    assert not card.is_open([stored])

    foo.execute_operator(train, context, request_delegation=True)
    again = seen(one_gone)
    assert "waits" in again
    assert "failed" not in again
    remove(one_gone, str(stored.id))
    assert [one.state for one in scheduled(one_gone)] == ["queued"]
    DelegatedOperationService().delete_for_dataset(dataset_id=one_gone._doc.id)
    assert scheduled(one_gone) == []
