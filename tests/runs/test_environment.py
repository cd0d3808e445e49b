"""What a process started by Curadiff knows of its surroundings, and what files say of secrets."""

from __future__ import annotations

import json
import os
import sys

import pytest
from curadiff import runs
from curadiff.common.errors import RunError
from curadiff.datasets import views
from curadiff.runs import environment, launch

CLUSTER = {
    "RANK": "3",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "3",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_RANK": "1",
    "NODE_RANK": "1",
    "MASTER_ADDR": "10.255.255.1",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RUN_ID": "x",
    "SLURM_PROCID": "3",
    "SLURM_NTASKS": "8",
    "OMPI_COMM_WORLD_RANK": "3",
    "PMI_RANK": "3",
    "FIFTYONE_SERVER": "1",
}
KEPT = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "LANG": "de_DE.UTF-8",
    "LC_ALL": "C",
    "CUDA_VISIBLE_DEVICES": "1",
    "NCCL_SOCKET_IFNAME": "eth0",
    "OMP_NUM_THREADS": "2",
    "HF_HUB_OFFLINE": "1",
    "HF_TOKEN": "t",
    "TORCH_HOME": "/t",
    "PYTHONPATH": "/mine",
    "https_proxy": "http://p",
    "WANDB_MODE": "offline",
    "FIFTYONE_DATABASE_URI": "mongodb://x",
    "CURADIFF_HOME": "/c",
    "LD_LIBRARY_PATH": "/l",
}
STRANGE = {"AWS_SECRET_ACCESS_KEY": "s", "GITHUB_TOKEN": "s", "LD_PRELOAD": "/x.so", "A": "1"}


def test_a_child_gets_named_variables_and_no_others():
    found = environment.of_child({"ADDED": "1"}, environment=CLUSTER | KEPT | STRANGE)
    assert found == KEPT | {"ADDED": "1", "PYTHONSAFEPATH": "1"}


def test_the_owner_adds_names_but_no_ranks():
    given = CLUSTER | STRANGE | {"CURADIFF_PASS_ENV": "AWS_*, A,RANK, SLURM_PROCID"}
    found = environment.of_child(environment=given)
    assert found.keys() == {
        "AWS_SECRET_ACCESS_KEY",
        "A",
        "SLURM_PROCID",
        "CURADIFF_PASS_ENV",
        "PYTHONSAFEPATH",
    }


def test_a_started_process_sees_no_cluster_and_no_stranger(home, monkeypatch):
    for name, value in (CLUSTER | STRANGE).items():
        monkeypatch.setenv(name, value)
    run = runs.create("train", {})
    code = "import os, json; print(json.dumps(dict(os.environ)))"
    assert launch.start(run, [sys.executable, "-c", code]).wait() == 0
    seen = json.loads((run.path / "output.log").read_text())
    assert not seen.keys() & (CLUSTER | STRANGE).keys()
    assert seen["PATH"] == os.environ["PATH"]
    assert seen["CURADIFF_HOME"] == str(home)


@pytest.mark.parametrize(
    ("uri", "server"),
    [
        ("mongodb://me:pa%40ss@DB.lan:27018/x?authSource=admin", "db.lan:27018"),
        ("mongodb://me:p@ss@b.lan,a.lan:1/?replicaSet=r", "a.lan:1,b.lan:27017"),
        ("mongodb://me:p/ss@b.lan", "b.lan:27017"),
        ("mongodb+srv://me:secret@cluster.example/x", "cluster.example"),
        ("mongodb://127.0.0.1:27017", "127.0.0.1:27017"),
        (None, "/data/db"),
    ],
)
def test_a_database_is_named_without_user_and_password(uri, server):
    assert views.location_of(uri, "/data/db", "fiftyone") == {"server": server, "name": "fiftyone"}


def test_the_home_is_closed_to_others(home, tmp_path, monkeypatch):
    old = os.umask(0o022)
    try:
        run = runs.create("train", {})
        assert home.stat().st_mode & 0o777 == 0o700
        assert run.path.stat().st_mode & 0o777 == 0o750
        home.chmod(0o770)  # shared with a group by its owner, who named it
        runs.create("train", {})
        assert home.stat().st_mode & 0o777 == 0o770
        monkeypatch.delenv("CURADIFF_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "curadiff").mkdir(mode=0o755)
        runs.create("train", {})
        assert (tmp_path / "curadiff").stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(old)


def test_a_job_and_its_files_keep_the_databases_address_to_themselves(dataset, home, monkeypatch):
    import fiftyone as fo
    from curadiff.jobs import jobs

    secret = "s3cret-word"
    uri = f"{os.environ['FIFTYONE_DATABASE_URI']}/?appname={secret}"
    monkeypatch.setattr(fo.config, "database_uri", uri)
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", uri)
    run = jobs.prepare("embed", {"samples": dataset}, {"encoder": "python:nowhere:nothing"})
    jobs._start(run).wait(120)
    assert run.status["state"] == "failed"
    assert "no module nowhere" in run.status["error"]  # it reached the database
    for file in run.path.rglob("*"):
        assert secret not in file.read_text(errors="replace"), file
    assert run.record["database"]["server"] == uri.partition("://")[2].partition("/")[0]

    monkeypatch.setattr(fo.config, "database_uri", "mongodb://me:other@elsewhere:1")
    with pytest.raises(RunError, match="set FIFTYONE_DATABASE_URI") as refused:
        jobs.resume(run)
    assert "'fiftyone' at elsewhere:1" in str(refused.value)
    assert "other" not in str(refused.value)


def test_a_job_of_before_loses_the_address_that_its_record_has(dataset, home):
    import fiftyone as fo
    from curadiff.jobs import jobs

    run = jobs.prepare("embed", {"samples": dataset}, {})
    old = {
        "FIFTYONE_DATABASE_URI": "mongodb://me:pass@elsewhere:1",
        "FIFTYONE_DATABASE_DIR": "/d",
        "FIFTYONE_DATABASE_NAME": fo.config.database_name,
    }
    run.add(database=old)
    run.set_status("stopped")
    with pytest.raises(RunError, match="at elsewhere:1, and this process uses"):
        jobs.resume(run)
    assert "pass" not in (run.path / "run.json").read_text()
