"""Every long operator, carried out by a real ``fiftyone delegated launch``."""

import os
import subprocess
import sys
import time
from pathlib import Path

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from curadiff import runs
from curadiff.datasets import generated, info
from fiftyone.operators.delegated import DelegatedOperationService

URI = "@curadiff/studio"
TINY = {
    "preset": "demo",
    "image_size": 16,
    "multipliers": "1-2",
    "steps": 4,
    "checkpoint_every": 2,
    "batch_size": 4,
    "device": "cpu",
}
JUDGE = {"encoder": "scattering", "counts": "subsample", "bootstrap": 0, "null_draws": 0}


class Launcher:
    """A launcher process, and a queue that it empties."""

    def __init__(self, folder):
        self.log = folder / "launch.log"
        self.queue = DelegatedOperationService()
        words = [str(Path(sys.executable).with_name("fiftyone")), "delegated", "launch"]
        environment = os.environ | {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words, cwd=folder, env=environment, stdout=log, stderr=log
            )

    def run(self, name, dataset, params):
        """Delegate an operator and wait for its result."""
        context = {"dataset": dataset, "params": params}
        foo.execute_operator(f"{URI}/{name}", context, request_delegation=True)
        end = time.monotonic() + 400
        while True:
            done = self.queue.list_operations(dataset_name=dataset.name, operator=f"{URI}/{name}")
            if done and done[-1].run_state in ("completed", "failed"):
                break
            said = self.log.read_text()[-2000:]
            assert time.monotonic() < end, said
            assert self.process.poll() is None, said
            time.sleep(0.5)
        assert done[-1].run_state == "completed", f"{name}: {done[-1].result.error}"
        return done[-1]

    def end(self):
        """Stop the launcher."""
        self.process.terminate()
        self.process.wait(30)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_launcher_carries_out_every_long_operator(plugin, home, dataset, photos, tmp_path):
    launcher = Launcher(tmp_path)
    made = []
    try:
        launcher.run("import_images", dataset, {"folder": str(photos), "name": "delegated-import"})
        made.append("delegated-import")
        assert len(fo.load_dataset("delegated-import")) == len(dataset)

        done = launcher.run("compute_embeddings", dataset, {"encoder": "builtin"})
        dataset.reload()
        assert dataset.count("builtin") == len(dataset)
        assert done.status.progress == 1

        launcher.run("train_diffusion", dataset, {"selection": "-", **TINY})
        (training,) = runs.listing("train")
        assert (training.status["state"], training.status["step"]) == ("finished", 4)

        launcher.run("resume_training", dataset, {"run": training.id, "steps": 6})
        assert training.status["step"] == 6

        launcher.run("generate_samples", dataset, {"run": training.id, "count": 6, "steps": 2})
        (drawn,) = generated.linked_names(info.read(dataset))
        made.append(drawn)
        assert len(fo.load_dataset(drawn, reload=True)) == 6

        launcher.run("evaluate_generated", dataset, {"generated": drawn, "key": "one", **JUDGE})
        assert list(info.section(fo.load_dataset(drawn), "evaluations")) == ["one"]

        preview = {
            "arms": ["full", "random"],
            "budget": 8,
            "count": 8,
            "steps": 2,
            "image_size": 16,
            "decide_size": 16,
            "variations": 0,
            "random_draws": 1,
            "noise_seeds": "0",
            "embed": {"encoder": "builtin"},
            "evaluate": JUDGE,
        }
        launcher.run("preview_selections", dataset, preview)
        assert [run.status["state"] for run in runs.listing("preview")] == ["finished"]

        study = {
            "name": "delegated",
            "arms": ["random", "full"],
            "seeds": "0",
            "budget": 8,
            "embed": {"encoder": "builtin"},
            "train": TINY,
            "generate": {"count": 6, "steps": 2},
            "evaluate": JUDGE,
        }
        launcher.run("run_study", dataset, study)
        assert [run.status["state"] for run in runs.listing("study")] == ["finished"]
    finally:
        launcher.end()
        for name in {*made, *generated.linked_names(info.read(dataset))}:
            if fo.dataset_exists(name):
                fo.delete_dataset(name)
