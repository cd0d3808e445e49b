"""Loss by noise level, and compiling with a way back."""

import shutil

import numpy as np
import pytest
import torch
from curadiff import runs
from curadiff.common.errors import DataError
from curadiff.diffusion import manifest, prepare, schedules, start, train_here
from curadiff.diffusion.train import checkpoint, engine, patience, validation
from curadiff.diffusion.train.monitor import Monitor
from curadiff.diffusion.train.objective import Objective
from curadiff.diffusion.train.worker import train_run

CPU = torch.device("cpu")


def test_loss_by_level_is_the_closed_form_of_a_network_that_answers_zero():
    # Predicting 0 for noise errs by the noise's own variance, 1, at every level.
    objective = Objective(
        schedules.alpha_bar("cosine", 100), prediction="epsilon", min_snr=None, device=CPU
    )
    pictures = torch.zeros(32, 3, 16, 16)
    found = validation.loss_by_level(lambda x, t: torch.zeros_like(x), objective, pictures)
    assert found == pytest.approx([1.0] * 10, abs=0.05)


def test_each_range_asks_for_its_own_levels():
    asked = []
    objective = Objective(
        schedules.alpha_bar("cosine", 50), prediction="sample", min_snr=5, device=CPU
    )

    def network(x, t):
        asked.append((int(t.min()), int(t.max())))
        return x

    validation.loss_by_level(network, objective, torch.zeros(64, 3, 4, 4))
    assert all(5 * i <= low and high < 5 * i + 5 for i, (low, high) in enumerate(asked))


def test_held_out_images_are_watched_and_not_trained_on(pictures, tiny):
    settings = tiny()
    run = runs.create("train", settings.model_dump(), name="one")
    ids = [str(i) for i in range(7)]
    prepare(run, ids=ids, paths=pictures[:7], settings=settings, held_out=pictures[7:])
    assert train_here(run) == "finished"
    assert run.status["images"] == 7
    noted = [entry for entry in run.log() if "loss_by_level" in entry]
    assert [entry["step"] for entry in noted] == [3, 6]
    for losses in noted[-1]["loss_by_level"].values():
        assert len(losses) == 10
        assert np.isfinite(losses).all()
    assert set(noted[-1]["loss_by_level"]) == {"train", "held_out"}


def test_held_out_images_must_be_others_and_stay_as_they_are(pictures, tiny):
    settings = tiny(bad_images="skip")
    run = runs.create("train", settings.model_dump(), name="one")
    given = {"ids": list("abcdefg"), "paths": pictures[:7], "settings": settings}
    with pytest.raises(DataError, match="all held-out images are trained on too"):
        prepare(run, **given, held_out=pictures[3:5])
    broken = pictures[9].with_name("broken.png")
    broken.write_bytes(b"no")
    prepare(run, **given, held_out=[*pictures[5:9], broken])
    told = {entry["path"]: entry["why"] for entry in run.record["skipped_held_out"]}
    assert list(told) == [str(broken), str(pictures[5]), str(pictures[6])]
    assert told[str(pictures[5])] == "it is trained on too"
    assert manifest.read(run, manifest.HELD_OUT)["paths"] == [str(path) for path in pictures[7:9]]
    shutil.copyfile(pictures[0], pictures[8])
    with pytest.raises(DataError, match=r"1 of 2 images changed .*8.png"):
        train_here(run)


def test_watched_images_come_from_all_over_the_list():
    pictures = torch.arange(1000).view(1000, 1, 1, 1).to(torch.uint8)
    chosen = validation._subset(1000)
    assert len(set(chosen)) == 32
    assert (np.histogram(chosen, 4, (0, 1000))[0] > 2).all()
    assert validation.training_subset(pictures, CPU).images.shape == (32, 1, 1, 1)
    assert len(validation.training_subset(pictures[:5], CPU).images) == 5


def test_where_compiling_fails_training_goes_on_and_says_why(prepared, monkeypatch, weights):
    plain, run = prepared("plain"), prepared("one", compile="yes")
    train_here(plain)

    def broken(self, *args, **kwargs):
        def call(*_, **__):
            raise RuntimeError("no compiler found\nat all")

        self._compiled_call_impl = call

    monkeypatch.setattr(torch.nn.Module, "compile", broken)
    assert train_here(run) == "finished"
    assert run.status["compiled"] == (
        "eager, because compiling failed: RuntimeError: no compiler found"
    )
    assert weights(run) == weights(plain)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_compiled_network_trains_alike_and_starts_faster_again(prepared):
    """On a machine with a C++ compiler; a process of its own, as the compiler remembers too."""
    common = {"image_size": 8, "multipliers": "0.5", "grid_every": 99}  # few kernels
    plain, compiled = prepared("plain", **common), prepared("one", **common, compile="yes")
    train_here(plain)
    seconds = []
    for _ in range(2):
        process = start(compiled)
        assert process.wait(550) == 0, (compiled.path / "output.log").read_text()
        assert compiled.status["compiled"] == "yes"
        assert compiled.status["loss"] == pytest.approx(plain.status["loss"], rel=1e-3)
        seconds.append(compiled.status["compile_seconds"])
        shutil.rmtree(compiled.path / checkpoint.FOLDER)
    assert any((compiled.path / "compile-cache").rglob("*.so"))
    assert seconds[1] < seconds[0]


def test_compiled_code_goes_into_the_run_unless_the_user_said_where(tmp_path, monkeypatch):
    from torch._inductor.runtime.cache_dir_utils import cache_dir, default_cache_dir

    def used(module):
        engine.compile_or_explain(module, module, cache=tmp_path / "run")
        return cache_dir()

    monkeypatch.delenv(engine.CACHE_VARIABLE, raising=False)
    assert used(Compiled(())) == str(tmp_path / "run")
    monkeypatch.setenv(engine.CACHE_VARIABLE, default_cache_dir())
    assert used(Compiled(())) == str(tmp_path / "run")
    monkeypatch.setenv(engine.CACHE_VARIABLE, str(tmp_path / "mine"))
    assert used(Compiled(())) == str(tmp_path / "mine")


class Compiled(torch.nn.Module):
    """Stands for the compiler: ``compile`` fails with or without graphs, as given."""

    def __init__(self, fails, skips=False):
        super().__init__()
        self.fails, self.skips, self.asked = fails, skips, []

    def compile(self, dynamic, options):
        self.asked.append(options["triton.cudagraphs"])
        if self.asked[-1] in self.fails:
            raise RuntimeError("no graphs here")

    def forward(self):
        if self.skips:
            from torch._dynamo.utils import counters

            counters["inductor"]["cudagraph_skips"] += 1


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (Compiled(()), "yes, as CUDA graphs"),
        (Compiled([True]), "yes, without CUDA graphs: RuntimeError: no graphs here"),
        (Compiled((), skips=True), "yes, without CUDA graphs: the compiler passed them over"),
        (
            Compiled([True, False]),
            "eager, because compiling failed: RuntimeError: no graphs here",
        ),
    ],
    ids=["both", "compiled", "passed over", "neither"],
)
def test_where_graphs_fail_the_network_is_compiled_without_and_the_reason_said(
    module, said, tmp_path
):
    from curadiff.diffusion.train.engine import compile_or_explain

    found = compile_or_explain(module, module.forward, cache=tmp_path, graphs=True)
    assert found.startswith(said)
    assert module.asked == [True, False][: 1 if found.endswith("graphs") else 2]


def test_the_compiler_is_kept_from_fusing_reductions_of_different_orders():
    from torch._inductor import config, list_options

    options = engine.compile_options(graphs=True)
    assert options["triton.cudagraphs"] is True
    assert set(options) <= set(list_options())
    if hasattr(config.triton, "mix_order_reduction"):
        assert options["triton.mix_order_reduction"] is False


@pytest.mark.parametrize(
    ("values", "fuses", "way"),
    [
        ({}, False, "recording"),
        ({"steps": 20_000}, False, "compiling"),
        ({"steps": 20_000}, True, "recording"),
        ({"steps": 20_000, "accumulate": 2}, True, "compiling"),
        ({"accumulate": 2}, True, "nothing"),
        ({"steps": 20_000, "compile": "graphs"}, False, "recording"),
        ({"accumulate": 2, "compile": "graphs"}, False, "nothing"),
        ({"compile": "yes"}, True, "compiling"),
        ({"steps": 20_000, "compile": "no"}, True, "nothing"),
    ],
)
def test_a_gpu_is_kept_busy_by_recording_or_compiling(tiny, values, fuses, way):
    from curadiff.diffusion.train.engine import speed_up_by

    settings = tiny(**values)
    assert speed_up_by(settings, torch.device("cuda"), 1, fuses=fuses) == way
    asked = "compiling" if settings.compile == "yes" else "nothing"
    assert speed_up_by(settings, CPU, 1, fuses=False) == asked


def test_several_processes_compile_what_one_would_record(tiny):
    from curadiff.diffusion.train.engine import speed_up_by

    gpu = torch.device("cuda")
    assert speed_up_by(tiny(steps=20_000), gpu, 2, fuses=True) == "compiling"
    assert speed_up_by(tiny(steps=20_000, compile="graphs"), gpu, 2, fuses=True) == "nothing"
    assert speed_up_by(tiny(), gpu, 2, fuses=True) == "nothing"


def test_bfloat16_trains_on_a_cpu_too(prepared):
    run = prepared("one", mixed_precision="bf16")
    assert train_here(run) == "finished"
    assert run.status["precision"] == "bf16"
    assert np.isfinite(run.status["loss"])


@pytest.mark.parametrize("cut", ["asked to stop", "killed"])
def test_patience_ends_a_training_that_was_cut_at_a_checkpoint_where_it_ends_a_whole_one(
    pictures, tiny, monkeypatch, cut
):
    settings = tiny(steps=12, checkpoint_every=2, grid_every=99)
    falls = {2: 3.0, 4: 2.0, 6: 2.5, 8: 2.5, 10: 1.0, 12: 1.0}  # by step; patience 2 ends at 8

    def note(monitor, step, progress):
        progress.note(step, loss_by_level={"held_out": [falls[step]]})

    monkeypatch.setattr(Monitor, "log_validation_loss", note)
    whole, parts = (runs.create("train", settings.model_dump(), name=name) for name in ("a", "b"))
    for run in (whole, parts):
        images = {"ids": list("abcdefg"), "paths": pictures[:7], "held_out": pictures[7:]}
        prepare(run, settings=settings, extra={patience.PATIENCE: 2}, **images)
    assert train_here(whole) == "finished"
    if cut == "asked to stop":
        calls = iter([False] * 5 + [True])  # after the sixth step, which is one of a checkpoint
        assert train_run(parts, lambda: next(calls)) == "stopped"
    else:
        with monkeypatch.context() as patch:
            patch.setattr(Monitor, "log_validation_loss", lambda *_: 1 / 0)
            for _ in range(2):  # first at the checkpoint, then at the one that was not logged
                with pytest.raises(ZeroDivisionError):
                    train_here(parts)
    assert train_here(parts) == "finished"
    assert patience.validation_losses(parts.log()) == patience.validation_losses(whole.log())
    assert [run.status["stopped_early"] for run in (whole, parts)] == [8, 8]
