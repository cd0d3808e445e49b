"""Parity with denoising-diffusion-pytorch 1.9.4, where it is installed."""

import warnings

import pytest
import torch
from curadiff import runs
from curadiff.common.errors import DataError, RunError, SettingsError
from curadiff.common.images import content_hash
from curadiff.config import GenerateSettings
from curadiff.diffusion import from_lucidrains, generate, prepare, schedules, train_here
from curadiff.diffusion.networks import lucidrains_file
from curadiff.diffusion.networks.lucidrains import Lucidrains
from curadiff.diffusion.sampling import samplers
from curadiff.diffusion.train import checkpoint
from curadiff.diffusion.train import ema as average
from curadiff.diffusion.train.objective import Objective, to_picture

peer = pytest.importorskip("denoising_diffusion_pytorch.denoising_diffusion_pytorch")

CPU = torch.device("cpu")
WIDTHS = [16, 32, 64, 128]


@pytest.fixture(scope="module")
def pair():
    """Their network and ours with the same random weights; theirs is the reference."""
    torch.manual_seed(0)
    theirs = peer.Unet(16)
    ours = Lucidrains(16, WIDTHS)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def diffusion(model, **values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peer.GaussianDiffusion(model, image_size=32, **values)


def test_state_dict_names_shapes_and_their_order_are_theirs(pair):
    ours, theirs = pair
    assert [(k, v.shape) for k, v in ours.named_parameters()] == [
        (k, v.shape) for k, v in theirs.named_parameters()
    ]


def test_the_published_size_has_36_million_weights():
    with torch.device("meta"):
        network = Lucidrains(64, [64, 128, 256, 512])
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(35.72e6, rel=1e-3)


@pytest.mark.parametrize("size", [32, 48])
def test_forward_and_gradients_are_theirs(pair, size):
    ours, theirs = pair
    x = torch.randn((2, 3, size, size), generator=torch.Generator().manual_seed(1))
    t = torch.tensor([3, 977])
    a, b = ours(x, t), theirs(x, t)
    torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
    for network, answer in ((ours, a), (theirs, b)):
        network.zero_grad()
        answer.square().mean().backward()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, atol=1e-5, rtol=1e-3, msg=name)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "sigmoid"])
def test_schedules_are_theirs(pair, schedule):
    theirs = diffusion(pair[1], beta_schedule=schedule)
    found = schedules.betas(schedule, 1000).float()
    # They round the ends of the sigmoid to float32.
    torch.testing.assert_close(found, theirs.betas, atol=1e-7, rtol=2e-5)
    found = schedules.alpha_bar(schedule, 1000).float()
    torch.testing.assert_close(found, theirs.alphas_cumprod, atol=1e-6, rtol=0)


@pytest.mark.parametrize("min_snr", [None, 5.0])
@pytest.mark.parametrize(
    ("kind", "theirs_kind"),
    [("epsilon", "pred_noise"), ("sample", "pred_x0"), ("v_prediction", "pred_v")],
)
def test_the_loss_is_theirs(pair, kind, theirs_kind, min_snr):
    ours, theirs = pair
    reference = diffusion(theirs, objective=theirs_kind, min_snr_loss_weight=min_snr is not None)
    generator = torch.Generator().manual_seed(2)
    x_0 = torch.rand((3, 3, 32, 32), generator=generator) * 2 - 1
    noise = torch.randn(x_0.shape, generator=generator)
    t = torch.tensor([20, 500, 900])
    levels = schedules.alpha_bar("sigmoid", 1000)
    loss = Objective(levels, prediction=kind, min_snr=min_snr, device=CPU)
    expected = reference.p_losses(x_0, t, noise=noise)
    found = loss.losses(ours, x_0, t, noise).mean()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("steps", [50, pytest.param(250, marks=pytest.mark.slow)])
def test_ddim_is_theirs(pair, steps):
    ours, theirs = pair
    reference = diffusion(theirs, sampling_timesteps=steps)
    torch.manual_seed(3)
    expected = reference.ddim_sample((2, 3, 16, 16)) * 2 - 1
    torch.manual_seed(3)
    x = torch.randn((2, 3, 16, 16))
    levels = schedules.alpha_bar("sigmoid", 1000).tolist()

    def picture(x_t, t):
        answer = ours(x_t, torch.full((2,), t))
        x_0 = to_picture(answer, x_t, alpha_bar=levels[t], prediction="v_prediction")
        return x_0.clamp(-1, 1)

    found = samplers.sample("ddim", picture, x, alpha_bar=levels, evaluations=steps)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_the_averaged_weights_are_theirs_over_three_thousand_steps():
    from ema_pytorch import EMA

    model = torch.nn.Linear(3, 2)
    reference = EMA(model, beta=0.995, update_every=10)
    mine = [p.detach().clone() for p in model.parameters()]
    generator = torch.Generator().manual_seed(4)
    for step in range(1, 3001):
        with torch.no_grad():
            for p in model.parameters():
                p += 0.1 * torch.randn(p.shape, generator=generator)
        reference.update()
        kept = average.ema_decay_at(step, decay=0.995, every=10, warmup=100)
        if kept is not None:
            average.ema_update(mine, list(model.parameters()), kept)
        if step % 10 == 1:
            for p, q in zip(mine, reference.ema_model.parameters(), strict=True):
                torch.testing.assert_close(p, q, atol=1e-5, rtol=0)


@pytest.fixture
def their_file(tmp_path):
    """A checkpoint as their Trainer writes it, after two steps."""
    from ema_pytorch import EMA

    torch.manual_seed(5)
    model = diffusion(peer.Unet(16, dim_mults=(1, 2)), timesteps=50, sampling_timesteps=10)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.99))
    ema = EMA(model, beta=0.995, update_every=10)
    for _ in range(2):
        model.p_losses(torch.zeros(2, 3, 16, 16), torch.tensor([1, 30])).backward()
        optimizer.step()
        optimizer.zero_grad()
        ema.update()
    path = tmp_path / "model-1.pt"
    content = {"step": 2, "model": model.state_dict(), "opt": optimizer.state_dict()}
    torch.save({**content, "ema": ema.state_dict(), "scaler": None, "version": "1.9.4"}, path)
    return path, model


def lucidrains_run(pictures, tiny, **values):
    settings = tiny(network="lucidrains", multipliers="1-2", layers=2, steps=4, **values)
    run = runs.create("train", settings.model_dump(), name="theirs")
    prepare(run, ids=[str(i) for i in range(10)], paths=pictures, settings=settings)
    return run


def test_their_checkpoint_is_drawn_from_and_trained_on(their_file, pictures, tiny):
    path, model = their_file
    run = lucidrains_run(pictures, tiny)
    assert from_lucidrains(run, path) == 2
    settings = GenerateSettings(count=2, steps=5, device="cpu", weights="raw")
    assert len(list(generate(run, settings).glob("*.png"))) == 2
    from curadiff.config import TrainSettings
    from curadiff.diffusion.sampling.generate import load_network

    ours = load_network(run, TrainSettings(**run.settings), step=2, weights="raw", device=CPU)
    x, t = torch.randn(1, 3, 16, 16), torch.tensor([7])
    torch.testing.assert_close(ours(x, t), model.model(x, t), atol=1e-5, rtol=0)
    assert train_here(run) == "finished"
    assert run.status["step"] == 4
    assert not (run.path / "model_index.json").exists()


def test_another_networks_run_does_not_take_their_checkpoint(their_file, prepared):
    with pytest.raises(RunError, match=r"one trains the network unet2d; .* needs lucidrains"):
        from_lucidrains(prepared("one"), their_file[0])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"base_channels": 32}, "base_channels 16, and here it is base_channels 32; give"),
        (
            {"multipliers": "1-2-4", "timesteps": 40},
            "multipliers 1-2, timesteps 50, and here it is multipliers 1-2-4, timesteps 40; "
            "give multipliers 1-2, timesteps 50",
        ),
        ({"schedule": "linear"}, "schedule sigmoid, and here it is schedule linear"),
        ({"prediction": "epsilon"}, "prediction v_prediction, and here it is prediction epsilon"),
        ({"min_snr": 5.0}, "min_snr None, and here it is min_snr 5.0; give min_snr None"),
        ({"weighting": "snr+1"}, r"weighting snr, and here it is weighting snr\+1"),
    ],
)
def test_their_checkpoint_must_fit_the_settings(their_file, tiny, values, sentence):
    settings = tiny(**{"network": "lucidrains", "multipliers": "1-2", "layers": 2, **values})
    with pytest.raises(RunError, match=f"model-1.pt was trained with {sentence}"):
        lucidrains_file.read(their_file[0], settings)


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize(
    ("kind", "theirs"),
    [("epsilon", "pred_noise"), ("sample", "pred_x0"), ("v_prediction", "pred_v")],
)
def test_what_their_network_predicts_is_read_off_their_loss_weights(tiny, kind, theirs, clipped):
    model = diffusion(
        peer.Unet(16, dim_mults=(1, 2)), objective=theirs, min_snr_loss_weight=clipped
    )
    told = model.state_dict()
    raw = {k.removeprefix("model."): v for k, v in told.items() if k.startswith("model.")}

    def differences(prediction):
        min_snr = 5.0 if clipped else None
        s = tiny(multipliers="1-2", timesteps=1000, prediction=prediction, min_snr=min_snr)
        found = (raw, told["alphas_cumprod"], told["loss_weight"])
        return lucidrains_file._differences(s, *found)

    assert differences(kind) == []
    other = "sample" if kind == "epsilon" else "epsilon"
    assert differences(other) == [("prediction", other, kind)]


@pytest.mark.parametrize("options", [{"channels": 1}, {"self_condition": True}])
def test_their_network_with_other_options_is_refused(their_file, tiny, tmp_path, options):
    content = torch.load(their_file[0], weights_only=True)
    other = peer.Unet(16, dim_mults=(1, 2), **options).state_dict()
    for group, prefix in (("model", "model."), ("ema", "ema_model.model.")):
        content[group] |= {prefix + name: value for name, value in other.items()}
    torch.save(content, tmp_path / "model-2.pt")
    settings = tiny(network="lucidrains", multipliers="1-2", layers=2)
    with pytest.raises(DataError, match=r"model-2.pt holds another network.*three channels"):
        lucidrains_file.read(tmp_path / "model-2.pt", settings)


def test_fewer_steps_than_their_checkpoint_has_are_refused(their_file, tiny):
    settings = tiny(network="lucidrains", multipliers="1-2", layers=2, steps=1, checkpoint_every=1)
    with pytest.raises(RunError, match="after 2 steps, and steps is 1 here; give at least as many"):
        lucidrains_file.read(their_file[0], settings)


def test_a_training_starts_from_their_checkpoint_by_a_setting(their_file, pictures, tiny):
    path, _ = their_file
    run = lucidrains_run(pictures, tiny, start_from=str(path))
    assert checkpoint.saved_steps(run.path) == [2]
    assert run.record["started_from"]["step"] == 2
    assert run.record["started_from"]["sha256"] == content_hash(path)
    assert train_here(run) == "finished"
    assert checkpoint.saved_steps(run.path)[-1] == 4
    assert run.log()[0]["step"] > 2


def test_only_the_same_network_starts_from_their_checkpoint(tiny):
    with pytest.raises(SettingsError, match=r"a .pt file needs network lucidrains, .* got unet2d"):
        tiny(start_from="model-1.pt")


def test_another_file_is_refused(tmp_path, tiny):
    (tmp_path / "x.pt").write_bytes(b"no")
    torch.save({"step": 1, "model": {}}, tmp_path / "y.pt")
    for name in ("x.pt", "y.pt", "gone.pt"):
        with pytest.raises(DataError, match="is not a checkpoint of denoising-diffusion-pytorch"):
            lucidrains_file.read(tmp_path / name, tiny())


def test_settings_of_the_network(tiny):
    from curadiff.config import TrainSettings

    assert TrainSettings(network="lucidrains").multipliers == "1-2-4-8"
    with pytest.raises(SettingsError, match="layers must be 2 for the network lucidrains, got 1"):
        tiny(network="lucidrains", layers=1)
