"""Finding an encoder by name, and what is said when there is none."""

import subprocess
import sys

import pytest
from curadiff import encoders
from curadiff.common.errors import DataError, EnvironmentFault, SettingsError, WeightsError


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "clip-vitb32",
            r"one of builtin, scattering, clip-vit-b32, .*did you mean 'clip-vit-b32'",
        ),
        ("openclip:ViT-B-32", "did you mean 'open_clip:'"),
        ("timm:", "is incomplete: timm: needs a name after it"),
        ("", "encoder must be one of"),
    ],
)
def test_a_miss_lists_the_choices_and_the_nearest(name, said):
    with pytest.raises(SettingsError, match=said):
        encoders.load(name)


def test_a_wrong_dtype_and_device_are_named(tiny):
    with pytest.raises(SettingsError, match="dtype must be one of float32, bfloat16, got 'half'"):
        encoders.load("builtin", dtype="half")
    with pytest.raises(EnvironmentFault, match=r"device is tpu, .* no such device here; .*cpu"):
        encoders.load(f"python:{tiny}:load", device="tpu")


def test_builtin_takes_no_weights():
    with pytest.raises(SettingsError, match="builtin takes no weights"):
        encoders.load("builtin", weights="x.pt")


def test_builtin_has_one_number_format():
    with pytest.raises(SettingsError, match="builtin computes in float32 only, got bfloat16"):
        encoders.load("builtin", dtype="bfloat16")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("open_clip:ViT-B-33", "open_clip has no model 'ViT-B-33'.*did you mean 'ViT-B-32'"),
        ("open_clip:ViT-B-32-quickgelu:opanai", "no weights 'opanai' .*.*did you mean 'openai'"),
        ("timm:resnet51", "timm has no model 'resnet51'.*did you mean"),
        ("timm:resnet18.nobody", r"timm has no weights 'resnet18.nobody'.*resnet18\.a1_in1k"),
    ],
)
def test_a_library_that_lacks_the_model_says_so(name, said, home):
    with pytest.raises(SettingsError, match=said):
        encoders.load(name)


def test_inception_names_the_package_that_it_needs(monkeypatch, home):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(EnvironmentFault, match="pip install torch-fidelity"):
        encoders.load("inception")


def test_asking_for_builtin_imports_no_network_library():
    code = (
        "import sys; from curadiff import encoders; encoders.load('builtin');"
        "print({'torch', 'timm', 'open_clip', 'fiftyone'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def write(path, body):
    path.write_text("import torch\n" + body)
    return f"python:{path}:load"


MODULE = (
    "class N(torch.nn.Module):\n{attributes}\n    def forward(self, x):\n        return {out}\n"
)
BUILD = "def load(weights):\n    return N()\n"


@pytest.mark.parametrize(
    ("body", "fault", "said"),
    [
        ("def other(w):\n    pass\n", SettingsError, "has no function load"),
        ("def load(w):\n    return 3\n", DataError, "must return a torch.nn.Module, got int"),
        ("def load(w):\n    raise OSError('no file')\n", WeightsError, "failed with weights None"),
        ("1 / 0\n", SettingsError, r"does not run \(ZeroDivisionError"),
        (
            MODULE.format(attributes="    input_size = 'big'", out="x") + BUILD,
            DataError,
            "input_size of .* must be a whole number of pixels, got 'big'",
        ),
        (
            MODULE.format(attributes="    fit = 'stretch'", out="x") + BUILD,
            DataError,
            "fit of .* must be one of crop, squash, pad, got 'stretch'",
        ),
        (
            MODULE.format(attributes="    input_size = 8", out="x") + BUILD,
            DataError,
            r"must return a tensor \(n, d\).* got \(1, 3, 8, 8\); pool or flatten",
        ),
        (
            MODULE.format(attributes="    input_size = 8", out="x @ x[:, :2]") + BUILD,
            DataError,
            "failed on float RGB images",
        ),
    ],
)
def test_code_that_breaks_the_contract_is_told_how(tmp_path, body, fault, said):
    with pytest.raises(fault, match=said):
        encoders.load(write(tmp_path / "mine.py", body))


def test_a_missing_file_module_or_function_is_named(tmp_path, tiny):
    with pytest.raises(SettingsError, match="does not exist; write python:FILE_OR_MODULE"):
        encoders.load(f"python:{tmp_path / 'none.py'}:load")
    with pytest.raises(SettingsError, match="no module nowhere is installed"):
        encoders.load("python:nowhere:load")
    with pytest.raises(SettingsError, match="is incomplete: write python:"):
        encoders.load("python:nowhere")
    with pytest.raises(SettingsError, match=r"has no function laod.*did you mean 'load'"):
        encoders.load(f"python:{tiny}:laod")
    with pytest.raises(WeightsError, match="does not exist; check the path"):
        encoders.load(f"python:{tiny}:load", weights=str(tmp_path / "none.pt"))
    (tmp_path / "needy.py").write_text("import nowhere_at_all\n")
    with pytest.raises(SettingsError, match=r"does not run .*nowhere_at_all"):
        encoders.load(f"python:{tmp_path / 'needy.py'}:load")


def test_a_module_by_its_name(tiny, monkeypatch):
    monkeypatch.syspath_prepend(str(tiny.parent))
    assert encoders.load("python:tiny:load").dim == 8 * 7 * 7


def test_edited_code_and_other_weights_change_the_key(tiny, tmp_path):
    import torch

    name = f"python:{tiny}:load"
    first = encoders.load(name).key
    assert encoders.load(name).key == first
    torch.save(
        {"conv.weight": torch.zeros(8, 3, 5, 5), "conv.bias": torch.zeros(8)}, tmp_path / "w.pt"
    )
    assert encoders.load(name, weights=str(tmp_path / "w.pt")).key != first
    tiny.write_text(tiny.read_text().replace("torch.relu", "torch.tanh"))
    assert encoders.load(name).key != first


def test_bfloat16_says_what_it_costs(tiny):
    exact, low = (encoders.load(f"python:{tiny}:load", dtype=d) for d in ("float32", "bfloat16"))
    assert exact.error == 0
    assert 0 < low.error < 0.02
    assert low.key != exact.key
