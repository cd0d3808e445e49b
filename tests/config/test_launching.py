"""Flags for accelerate launch: where a training runs, and nothing else."""

from __future__ import annotations

import pytest
from curadiff.common.errors import SettingsError
from curadiff.config import GenerateSettings, TrainSettings, launch_flags, launch_words
from curadiff.config.launching import LAUNCH_FLAGS

GOOD = {
    "--multi_gpu --num-processes=8": ["--multi_gpu", "--num_processes=8"],
    "--gpu_ids 0,1": ["--gpu_ids=0,1"],
    "--machine-rank 1 --main_process_ip node-1.lan --main_process_port 29500": [
        "--machine_rank=1",
        "--main_process_ip=node-1.lan",
        "--main_process_port=29500",
    ],
    "--main_process_ip fe80::1": ["--main_process_ip=fe80::1"],
    "--rdzv_backend c10d --rdzv_conf timeout=900,join_timeout=60": [
        "--rdzv_backend=c10d",
        "--rdzv_conf=timeout=900,join_timeout=60",
    ],
    "": [],
}


@pytest.mark.parametrize("text", GOOD)
def test_known_flags_are_handed_on_in_one_way_of_writing(text):
    assert launch_words(TrainSettings(accelerate=text).accelerate) == GOOD[text]


def test_a_configuration_file_is_that_of_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert launch_words("--config_file a.yaml") == [f"--config_file={tmp_path / 'a.yaml'}"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("--no_python sh -c 'touch X'", "takes no '--no_python'"),
        ("--no-python", "takes no '--no-python'"),
        ("-m os", "takes no '-m'"),
        ("--module os", "takes no '--module'"),
        ("/x/script.py", "takes no '/x/script.py'"),
        ("--multi_gpu -- /x/script.py", "takes no '--'"),
        ("--multi_gpu=/x/script.py", "--multi_gpu takes no value"),
        ("--num_processes 2 x.py", "takes no 'x.py'"),
        ("--num_processes --no_python", "--num_processes must be a whole number"),
        ("--config_file --no_python", "--config_file must be a file"),
        ("--num_processes", "--num_processes must be a whole number, got ''"),
        ("--gpu_ids '0; touch X'", "--gpu_ids must be all, or numbers"),
        ("--main_process_ip '$(touch X)'", "--main_process_ip must be an address"),
        ("--mixed_precision fp64", "--mixed_precision must be no, fp16 or bf16"),
        ("--tpu_use_sudo", "takes no '--tpu_use_sudo'"),
        ("--env A=1", "takes no '--env'"),
        ("--deepspeed_hostfile x", "takes no '--deepspeed_hostfile'"),
        ("--mpirun_hostfile x", "takes no '--mpirun_hostfile'"),
        ("--num_proceses 2", "did you mean '--num_processes'?"),
        ("--log_dir '/x", "cannot be read"),
    ],
)
def test_whatever_else_is_refused_with_the_known_flags(text, sentence):
    with pytest.raises(SettingsError, match="accelerate") as caught:
        TrainSettings(accelerate=text)
    assert sentence in str(caught.value)
    if "takes no '" in sentence:
        assert "--multi_gpu, --same_network" in str(caught.value)


def test_accelerate_knows_every_flag_and_takes_a_value_where_we_do():
    launch = pytest.importorskip("accelerate.commands.launch")
    actions = launch.launch_command_parser()._actions
    theirs = {flag: action for action in actions for flag in action.option_strings}
    for name, kind in LAUNCH_FLAGS.items():
        takes_none = theirs[f"--{name}"].nargs == 0
        assert takes_none == (kind is None), name
    assert launch_flags("--cpu") == {"cpu": None}


@pytest.mark.parametrize("model", [TrainSettings, GenerateSettings])
def test_no_setting_starts_processes_without_end(model):
    assert model(processes=64, batch_size=64).processes == 64
    with pytest.raises(SettingsError, match="processes must be <= 64, got 10000"):
        model(processes=10_000)


def test_accelerate_starts_as_many_processes_per_machine():
    assert launch_words("--num_processes 128 --num_machines 2")
    for text in ("--num_processes 65", "--num_processes=129 --num_machines 2"):
        with pytest.raises(ValueError, match="num_processes must be <= 64 per machine"):
            launch_words(text)
