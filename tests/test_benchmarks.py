"""Benchmarks still run; their figures are nobody's business here."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

TRAINING = Path(__file__).parents[1] / "benchmarks" / "training.py"
GPU = TRAINING.with_name("gpu.py")


def test_every_part_of_the_gpu_script_is_rehearsed(tmp_path):
    out = tmp_path / "results.json"
    command = [sys.executable, str(GPU), "--rehearse", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    parts = json.loads(out.read_text())["parts"]
    assert len(parts) == 11
    assert {name: part["error"] for name, part in parts.items() if "error" in part} == {}
    assert not any("left_out" in part for part in parts.values())
    assert parts["resume"]["bit_exact"]
    assert set(parts["picks"]["agree"].values()) == {True}
    assert parts["train_unet2d"]["variants"]["launched"]["images_per_second"] > 0
    assert "collected" in parts["gpu_tests"]["output"]
    by_kind = parts["profile"]["lucidrains"]["by_kind"]
    assert sum(by_kind.values()) == pytest.approx(
        parts["profile"]["lucidrains"]["kernels_ms_per_step"]
    )
    assert by_kind["convolutions"] > 0


def test_a_part_of_the_gpu_script_that_fails_leaves_the_others(tmp_path, monkeypatch):
    monkeypatch.setenv("CURADIFF_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(GPU.parent))
    script = runpy.run_path(str(GPU), run_name="gpu")

    def broken(report, folder, toy):
        report.add(measured=1)
        raise ValueError("no such luck")

    script["PARTS"]["picks"] = script["Part"](broken, 1)
    script["run_part"]("picks", tmp_path / "part.json", toy=True)
    values = json.loads((tmp_path / "part.json").read_text())
    assert values["measured"] == 1
    assert "no such luck" in values["error"]


def test_parts_are_added_to_results_of_the_same_card_only(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(GPU.parent))
    add = runpy.run_path(str(GPU), run_name="gpu")["add_to_results_of_before"]
    about = {"card": "one", "python": "3.12", "packages": {"torch": "2"}}
    before = {"notes": ["beside others"], "parts": {"picks": {"seconds": 1}}}
    out = tmp_path / "results.json"
    for written, added in ((None, {}), (about, before), ({**about, "card": "another"}, {})):
        if written is not None:
            out.write_text(json.dumps({**written, **before}))
        results = {**about, "parts": {}}
        add(out, results)
        assert results == {**about, "parts": {}, **added}


def test_kernels_are_told_apart_by_their_names(monkeypatch):
    monkeypatch.syspath_prepend(str(GPU.parent))
    kind_of = runpy.run_path(str(GPU.with_name("gpu_profile.py")))["kind_of"]
    kinds = {  # names of PyTorch's kernels and of its libraries', shortened
        "sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32": "convolutions",
        "void cudnn::nchwToNhwcKernel<__nv_bfloat16>": "copies and memory order",
        "nvjet_hsh_128x256_64x4_2x1_v_bz_coopA_TNN": "matrix products",
        "void at::native::vectorized_elementwise_kernel<8, AddFunctor>": "element by element",
        "void at::native::multi_tensor_apply_kernel<FusedAdam>": "optimizer and averages",
        "_gradient_sums": "fused norms and attention",
        "void at::native::reduce_kernel<512, 1>": "sums",
        "something new": "other",
    }
    assert {name: kind_of(name) for name in kinds} == kinds


@pytest.mark.slow
def test_every_part_of_the_preview_script_runs_on_few_pictures(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name, values in (
        ("images", rng.integers(0, 256, (130, 28, 28), dtype=np.uint8)),
        ("labels", rng.integers(0, 10, 130, dtype=np.uint8)),
    ):
        head = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
        (tmp_path / name).write_bytes(head + values.tobytes())
    script = runpy.run_path(str(TRAINING.with_name("preview.py")), run_name="preview")
    inside = script["main"].__globals__
    inside |= {"HELD_OUT": 30, "POOL": 60, "BUDGET": 40}
    sizes = ["--count", "8", "--draws", "1", "--seeds", "1"]
    for part in script["PARTS"]:
        out = tmp_path / f"{part}.json"
        words = [part, str(tmp_path / "images"), str(tmp_path / "labels"), *sizes]
        monkeypatch.setattr(sys, "argv", ["preview.py", *words, "--json", str(out)])
        script["main"]()
        kept = json.loads(out.read_text())
        assert kept["settings"]["windows"] == "rule"  # the product's default
        assert len(kept) > 1


def test_what_logs_and_averaging_take_of_a_step_is_measured(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(TRAINING.parent))
    monkeypatch.setenv("CURADIFF_HOME", "")  # which the script sets
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    words = ["overhead", "--rounds", "1", "--count", "1", "--network", "lucidrains"]
    monkeypatch.setattr(sys, "argv", ["training.py", *words])
    runpy.run_path(str(TRAINING), run_name="training")["main"]()
    assert "of a step" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("train", "diffusers' script"),
        ("sample", "DDIMPipeline"),
        ("load", "decoding data loader"),
    ],
)
def test_training_is_compared_with_its_peers(verb, said):
    command = [sys.executable, str(TRAINING), verb, "--rounds", "1", "--count", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


@pytest.mark.slow
def test_without_a_gpu_the_gpu_benchmark_says_so():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = subprocess.run([sys.executable, str(TRAINING), "gpu"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no CUDA device here" in done.stderr


@pytest.mark.slow
def test_methods_in_cells_are_measured_on_stored_embeddings(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    embeddings, labels = rng.normal(size=(1100, 6)), rng.integers(0, 3, 1100)
    np.savez(tmp_path / "pool.npz", embeddings=embeddings, labels=labels)
    monkeypatch.syspath_prepend(str(TRAINING.parent))
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON"):  # which the script sets
        monkeypatch.setenv(f"{name}_NUM_THREADS", "1")
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    words = ["real", "--pool", str(tmp_path / "pool.npz"), "--methods", "coreset,coreset-in-cells"]
    monkeypatch.setattr(sys, "argv", ["selection.py", *words])
    script = runpy.run_path(str(TRAINING.with_name("selection.py")), run_name="selection")
    script["main"]()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [line[1] for line in lines] == ["coreset", "coreset-in-cells"] * 2
    x = script["unit_rows"](embeddings.astype(np.float32))
    picks = script["select"](x, 300, method="coreset", device="cpu", seed=0).indices
    radius = np.sqrt(2 - 2 * (x @ x[picks].T).max(axis=1).clip(max=1)).max()
    assert float(lines[0][4]) == pytest.approx(radius, abs=2e-3)


def test_modules_that_benchmarks_and_examples_import_are_there():
    root = TRAINING.parents[1]
    scripts = [*root.glob("benchmarks/**/*.py"), *root.glob("examples/**/*.py")]
    named = {
        (script.name, name)
        for script in scripts
        for name in re.findall(r"^ *(?:from|import) curadiff([\w.]*)", script.read_text(), re.M)
    }
    assert len(named) > 50
    for script, name in named:
        place = root.joinpath(*name.split("."))
        assert place.is_dir() or place.with_suffix(".py").is_file(), f"{script}: curadiff{name}"


def test_the_formulas_of_large_data_sets_agree_with_what_was_measured():
    script = TRAINING.with_name("scale.py")
    measured = script.parent / "results" / "scale.json"
    command = [sys.executable, str(script), "check", str(measured)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 10


@pytest.mark.slow
def test_training_on_a_cpu_is_measured_at_both_precisions(tmp_path):
    script, out = TRAINING.with_name("training_cpu.py"), tmp_path / "cpu.json"
    words = ["--sizes", "tiny", "--rounds", "1", "--count", "1", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, str(script), *words], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    tiny = json.loads(out.read_text())["sizes"]["tiny"]
    images = tiny["images_per_cpu_second"]
    assert {"ours no", "script no", "ours bf16", "script bf16"} <= images.keys()
    best = max(images["ours no"], images["ours bf16"]) / max(
        images["script no"], images["script bf16"]
    )
    assert tiny["ratio_best_precision"] == pytest.approx(best, rel=0.02)
