"""Weights: where they are looked for, and what is said when they are not there."""

import os
import socket
import subprocess
import sys
import time

import pytest
import torch
from curadiff import encoders
from curadiff.common.errors import WeightsError
from curadiff.encoders import weights
from curadiff.encoders.weights import Source, locate
from safetensors.torch import save_file

SOURCE = Source(repo="someone/model", files=("model.safetensors", "pytorch_model.bin"))


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_the_file_that_was_given_comes_first(home, tmp_path):
    put(home / "weights" / "clip-vit-b32.pt")
    given = put(tmp_path / "given.pt")
    assert locate("clip-vit-b32", SOURCE, given) == given
    with pytest.raises(WeightsError, match=r"none\.pt does not exist; give clip-vit-b32"):
        locate("clip-vit-b32", SOURCE, tmp_path / "none.pt")
    with pytest.raises(WeightsError, match="is a folder"):
        locate("clip-vit-b32", SOURCE, tmp_path)


def test_then_the_home_folder_under_the_encoders_name(home):
    want = put(home / "weights" / "timm-resnet18.a1_in1k.pth")
    assert locate("timm:resnet18.a1_in1k", SOURCE) == want


def test_then_the_caches(home, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    other = put(tmp_path / "elsewhere" / "model.pth")
    source = Source(repo=SOURCE.repo, files=SOURCE.files, cached=(other,))
    assert locate("mine", source) == other
    repo = tmp_path / "hub" / "models--someone--model"
    want = put(repo / "snapshots" / ("a" * 40) / "model.safetensors")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("a" * 40)
    assert locate("mine", source) == want


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("clip-vit-b32", "clip-vit-b32.safetensors"),
        ("dinov2-vit-l14", "dinov2-vit-l14.safetensors"),
        ("timm:resnet18.a1_in1k", "timm-resnet18.a1_in1k.safetensors"),
        ("open_clip:RN50:yfcc15m", "open_clip-RN50-yfcc15m.safetensors"),
    ],
)
def test_without_weights_one_sentence_says_which_file_to_put_where(home, name, file):
    with pytest.raises(WeightsError) as caught:
        encoders.load(name)
    said = str(caught.value)
    assert str(home / "weights" / file) in said
    assert "in the setting weights" in said
    assert "builtin to select, scattering to judge" in said
    assert "on the Hugging Face Hub" in said
    assert said.count(". ") == 0


@pytest.fixture(params=["nobody listens", "nobody answers"])
def dead_endpoint(request):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if request.param == "nobody answers":
            server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_an_unreachable_hub_costs_seconds_not_minutes(tmp_path, dead_endpoint):
    code = (
        "import time; from curadiff.encoders.weights import Source, locate\n"
        "from curadiff.common.errors import WeightsError\n"
        "import huggingface_hub; begun = time.monotonic()\n"
        "try: locate('mine', Source(repo='someone/model', files=('model.safetensors',)))\n"
        "except WeightsError as fault: print(time.monotonic() - begun, fault)\n"
    )
    env = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    env |= {"HF_ENDPOINT": dead_endpoint, "HF_HOME": str(tmp_path), "CURADIFF_HOME": str(tmp_path)}
    env.pop("HF_HUB_OFFLINE", None)
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, env=env
    )
    seconds, _, said = done.stdout.partition(" ")
    assert f"{dead_endpoint} cannot be reached" in said
    assert float(seconds) < 10
    assert time.monotonic() - begun < 40


def test_a_file_without_a_hub_is_downloaded_whole_or_not_at_all(home, tmp_path, monkeypatch):
    import http.server
    import threading

    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "net.pth").write_bytes(bytes(range(256)) * 9000)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "www"))

        def log_message(self, *args):
            pass

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        path = locate("mine", Source(url=f"{address}/net.pth"))
        assert path == home / "weights" / "mine.pth"
        assert path.read_bytes() == (tmp_path / "www" / "net.pth").read_bytes()
        with pytest.raises(WeightsError, match="the download failed: "):
            locate("other", Source(url=f"{address}/none.pth"))
        server.shutdown()
    assert [file.name for file in path.parent.iterdir()] == ["mine.pth"]


def test_a_damaged_or_foreign_file_is_named(tmp_path):
    for name in ("a.safetensors", "a.pt"):
        (tmp_path / name).write_bytes(b"not weights at all" * 100)
        with pytest.raises(WeightsError, match=rf"{name} cannot be read .*download it again"):
            weights.read_state(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="holds no table of named tensors"):
        weights.read_state(tmp_path / "list.pt")
    save_file({"a": torch.zeros(1000)}, tmp_path / "cut.safetensors")
    data = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.read_state(tmp_path / "cut.safetensors")


class Harmful:
    def __reduce__(self):
        return print, ("this must not run",)


def test_a_pickle_that_brings_code_is_refused(tmp_path, capsys):
    torch.save({"a": Harmful()}, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.read_state(tmp_path / "a.pt")
    assert capsys.readouterr().out == ""


def test_every_format_reads_the_same(tmp_path):
    layer = torch.nn.Linear(3, 2).half()
    want = {key: value.float() for key, value in layer.state_dict().items()}
    save_file(layer.state_dict(), tmp_path / "a.safetensors")
    torch.save(layer.state_dict(), tmp_path / "a.bin")
    torch.save({"state_dict": {f"module.{k}": v for k, v in want.items()}}, tmp_path / "a.pt")
    for name in ("a.safetensors", "a.bin", "a.pt"):
        read = weights.read_state(tmp_path / name)
        assert read.keys() == want.keys()
        for key in want:
            torch.testing.assert_close(read[key], want[key], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("bias"), "1 of its tensors are missing, such as bias"),
        (lambda state: state.update(more=torch.zeros(1)), "1 tensors do not belong to it"),
        (lambda state: state.update(bias=torch.zeros(5)), "1 have another shape, such as bias"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, change, said):
    layer = torch.nn.Linear(3, 2)
    state = dict(layer.state_dict())
    change(state)
    with pytest.raises(WeightsError, match=f"does not hold the weights of mine: {said}"):
        weights.fill(layer, state, encoder="mine", path=tmp_path / "a.pt")


def test_the_hash_names_the_tensors():
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    first = weights.state_hash(layer)
    assert weights.state_hash(layer) == first
    with torch.no_grad():
        layer[0].weight[0, 0] += 1
    assert weights.state_hash(layer) != first
