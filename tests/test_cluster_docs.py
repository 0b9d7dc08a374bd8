"""The files for real clusters: the manifest is valid, and the Slurm script finds its workers."""

import json
import os
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml
from conftest import ROOT

from tfgan.cluster import strategies

FOLDER = ROOT / "docs" / "cluster"

# Runs the tasks of a step on this machine, as srun does on its nodes.
SRUN = """#!{python}
import os, subprocess, sys
command = [argument for argument in sys.argv[1:] if not argument.startswith("--kill")]
variables = {{"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "localhost",
             "SLURM_STEP_TASKS_PER_NODE": "2"}}
tasks = [
    subprocess.Popen(command, env=os.environ | variables | {{"SLURM_PROCID": str(rank)}})
    for rank in range(2)
]
sys.exit(max(task.wait() for task in tasks))
"""


@pytest.fixture
def manifest():
    return list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))


def test_manifest_fits_the_schema(manifest):
    for document in manifest:
        kubernetes_validate.validate(document, "1.37", strict=True)
    manifest[1]["spec"]["completion"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest[1], "1.37", strict=True)


def test_manifest_describes_a_cluster(manifest, monkeypatch):
    service, job = manifest
    container = job["spec"]["template"]["spec"]["containers"][0]
    (text,) = (item["value"] for item in container["env"] if item["name"] == "TF_CONFIG")
    for index in range(job["spec"]["completions"]):
        monkeypatch.setenv("TF_CONFIG", text.replace("$(INDEX)", str(index)))
        cluster = strategies.find_cluster("multi_worker")
        assert cluster.index == index
        assert len(cluster.workers) == job["spec"]["completions"] == job["spec"]["parallelism"]
    name, subdomain = job["metadata"]["name"], job["spec"]["template"]["spec"]["subdomain"]
    assert subdomain == service["metadata"]["name"]
    assert cluster.workers[index] == f"{name}-{index}.{subdomain}:2222"


def test_slurm_script_trains(tmp_path, tiny_data_dir):
    srun = tmp_path / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text(SRUN.format(python=sys.executable))
    srun.chmod(0o755)
    path = os.pathsep.join([str(srun.parent), os.path.dirname(sys.executable), os.environ["PATH"]])
    flags = [f"--data_dir={tiny_data_dir}", f"--workdir={tmp_path}/run", "--epochs=1"]
    done = subprocess.run(
        ["bash", FOLDER / "slurm.sh", *flags, "--batch_size=10", "--hidden_size=16"],
        env=os.environ | {"PATH": path, "SLURM_JOB_ID": str(os.getpid())},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert "on 2 workers with 1 CPU each" in done.stdout
    replicas = json.loads((tmp_path / "run" / "config.json").read_text())["environment"]["replicas"]
    assert replicas == 2
