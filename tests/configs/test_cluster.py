"""The cluster files hold what Ray, KubeRay and SLURM expect, keep authentication on, and give commands that exist."""

from __future__ import annotations

import os
import re
import shlex
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest

from search.cli import main
from search.commands.common import Outcome
from search.config_file import yaml_file
from search.study.load import load_study
from tests.configs.files import CLUSTER, DOCS, REPOSITORY

LAUNCHERS = ("onprem", "aws")
SBATCH = CLUSTER / "slurm.sbatch"
DIRECTIVE = re.compile(r"^#SBATCH --([a-z-]+)(?:=(\S+))?$")


def content(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml_file.read(CLUSTER / name).content
    return found


@pytest.mark.parametrize("name", LAUNCHERS)
def test_launcher_file_passes_rays_own_schema(name: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(content(f"{name}.yaml"))
    validate_config(prepared)
    assert prepared["max_workers"] >= 1


@pytest.mark.parametrize("name", LAUNCHERS)
def test_rays_schema_would_notice_a_mistake(name: str) -> None:
    import jsonschema
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(content(f"{name}.yaml"))
    with pytest.raises(jsonschema.ValidationError):
        validate_config({**prepared, "worker_start_ray_command": []})


@pytest.mark.parametrize("name", LAUNCHERS)
def test_every_node_gets_the_token_and_the_environment(name: str) -> None:
    config = content(f"{name}.yaml")
    assert any(target.endswith(".ray/auth_token") for target in config["file_mounts"])
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        starts = [command for command in commands if "ray start" in command]
        assert len(starts) == 1
        assert starts[0].startswith(". /shared/prunetune/configs/cluster/environment.sh;")
    assert "--dashboard-host=127.0.0.1" in str(config["head_start_ray_commands"])


def test_on_aws_all_workers_are_there_from_the_start() -> None:
    workers = content("aws.yaml")["available_node_types"]["gpu_worker"]
    assert workers["min_workers"] == workers["max_workers"] == content("aws.yaml")["max_workers"]


def test_rayjob_has_the_fields_that_the_operator_requires() -> None:
    job = content("rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", job["metadata"]["name"])
    known = {"entrypoint", "submissionMode", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished"}
    assert set(job["spec"]) == known | {"rayClusterSpec"}
    assert job["spec"]["submissionMode"] in ("K8sJobMode", "HTTPMode", "SidecarMode", "InteractiveMode")
    cluster = job["spec"]["rayClusterSpec"]
    assert set(cluster) == {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"}
    assert set(cluster["headGroupSpec"]) == {"rayStartParams", "template"}
    for group in cluster["workerGroupSpecs"]:
        assert set(group) == {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
        assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_rayjob_pods_are_whole() -> None:
    cluster = content("rayjob.yaml")["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        # KubeRay reads rayStartParams as strings: a bare number is refused.
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert container["name"]
            assert container["image"]
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert container["resources"]["requests"] == container["resources"]["limits"]
            assert all(isinstance(entry["value"], str) for entry in container["env"])


def test_rayjob_keeps_authentication_on_and_runs_the_ray_we_are_locked_to() -> None:
    cluster = content("rayjob.yaml")["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    locked = re.search(r"^ray\[?.*?==([\d.]+)", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE)
    assert locked
    assert cluster["rayVersion"] == locked[1]


def test_rayjob_workers_can_hold_a_trial_of_its_study() -> None:
    job = content("rayjob.yaml")["spec"]
    words = shlex.split(job["entrypoint"])
    study = load_study(REPOSITORY / words[2].removeprefix("/app/"))
    limits = job["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert int(limits["cpu"]) >= study.resources.cpus_per_trial
    assert int(limits["nvidia.com/gpu"]) >= 1


def test_sbatch_script_is_bash_and_its_directives_are_well_formed() -> None:
    for script in (SBATCH, CLUSTER / "environment.sh"):
        subprocess.run(["bash", "-n", str(script)], check=True)
    lines = SBATCH.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#!")
    first_command = next(index for index, line in enumerate(lines) if line and not line.startswith("#"))
    directives = [index for index, line in enumerate(lines) if line.startswith("#SBATCH")]
    # SLURM stops reading directives at the first command.
    assert directives
    assert max(directives) < first_command
    found = {}
    for index in directives:
        match = DIRECTIVE.match(lines[index])
        assert match, lines[index]
        found[match[1]] = match[2]
    assert found["ntasks-per-node"] == "1"
    assert re.fullmatch(r"\d+", found["nodes"])
    assert re.fullmatch(r"(\d+-)?\d+:\d\d:\d\d", found["time"])
    assert re.fullmatch(r"B:USR1@\d+", found["signal"])
    assert "requeue" in found


def fake_commands(folder: Path, exit_status: int, until_signalled: bool) -> dict[str, str]:
    """A repository with stand-ins for every outside command; each writes its call to `calls`.

    The study ends by itself, or takes a moment to leave, with `exit_status`, once it is signalled.
    """
    bin_folder = folder / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (folder / "configs" / "cluster").mkdir(parents=True)
    (folder / "configs" / "cluster" / "environment.sh").write_text((CLUSTER / "environment.sh").read_text())
    (folder / "home" / ".ray").mkdir(parents=True)
    (folder / "home" / ".ray" / "auth_token").write_text("secret")
    log = f'echo "$(basename "$0") $*" >> "{folder}/calls"\n'
    scripts = {
        "ray": log,
        "srun": log + "exec sleep 30\n",
        "python": "echo 2\n",
        "scontrol": log + 'if [ "$1" = show ]; then printf "node1\\nnode2\\n"; fi\n',
        "prunetune": log
        + f"trap 'sleep 0.3; exit {exit_status}' USR1\n"
        + f'echo "auth $RAY_AUTH_MODE" >> "{folder}/calls"\n'
        + ("while :; do sleep 0.05; done\n" if until_signalled else ""),
    }
    for name, text in scripts.items():
        path = bin_folder / name
        path.write_text("#!/usr/bin/env bash\n" + text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {
        **os.environ,
        "HOME": str(folder / "home"),
        "SLURM_SUBMIT_DIR": str(folder),
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_JOB_ID": "77",
        "SLURM_CPUS_PER_TASK": "8",
        "SLURM_GPUS_ON_NODE": "1",
    }


@pytest.fixture
def start() -> Iterator[Callable[[Path, dict[str, str]], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        command = ["bash", str(SBATCH), "configs/mine.yaml"]
        started.append(subprocess.Popen(command, env=environment, cwd=folder, start_new_session=True))
        return started[-1]

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while not condition():
        assert process.poll() is None, "the script ended before"
        time.sleep(0.05)


def handles(process: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def test_sbatch_script_starts_every_node_and_ends_as_the_study_does(
    tmp_path: Path, start: Callable[[Path, dict[str, str]], subprocess.Popen[bytes]]
) -> None:
    process = start(tmp_path, fake_commands(tmp_path, exit_status=130, until_signalled=False))
    assert process.wait() == 0
    calls = (tmp_path / "calls").read_text()
    assert "--nodelist=node1 ray start --head --node-ip-address=node1 --port=20077" in calls
    assert "--nodelist=node2 ray start --address=node1:20077 --num-cpus=8 --num-gpus=1" in calls
    assert "prunetune sweep configs/mine.yaml --address node1:20077" in calls
    assert "auth token" in calls
    assert "requeue" not in calls
    assert (tmp_path / "home" / ".ray" / "auth_token").stat().st_mode & 0o077 == 0


def test_sbatch_script_passes_the_signal_on_waits_and_requeues(
    tmp_path: Path, start: Callable[[Path, dict[str, str]], subprocess.Popen[bytes]]
) -> None:
    process = start(tmp_path, fake_commands(tmp_path, exit_status=130, until_signalled=True))
    calls = tmp_path / "calls"
    until(lambda: calls.exists() and "auth token" in calls.read_text(), process)
    until(lambda: handles(process, signal.SIGUSR1), process)
    process.send_signal(signal.SIGUSR1)
    assert process.wait() == 130
    assert "scontrol requeue 77" in (tmp_path / "calls").read_text()


def commands_in(text: str) -> list[list[str]]:
    """Every command that a file shows on a line of its own or between backticks, as words."""
    found = re.findall(r"^(?:#? {2,})?(?:entrypoint: )?(prunetune [a-z]+ [^`#\n]*)", text, re.MULTILINE)
    found += re.findall(r"`(prunetune [a-z]+ [^`\n]*)`", text)
    # Where its output goes is the shell's to read.
    return [shlex.split(command.strip().removesuffix("&").partition(" > ")[0]) for command in found]


def files_with_commands() -> list[Path]:
    return [*sorted(CLUSTER.iterdir()), *sorted((REPOSITORY / "configs").glob("*.yaml")), *sorted(DOCS.glob("*.md"))]


@pytest.mark.parametrize("path", files_with_commands(), ids=lambda path: path.name)
def test_commands_in_files_are_ones_that_the_command_line_takes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click.Command, "invoke", lambda command, context: Outcome({}, "not run"))
    commands = commands_in(path.read_text(encoding="utf-8"))
    assert commands or path.parent != CLUSTER or path.name == "environment.sh"
    for _, *arguments in commands:
        assert main(arguments) == 0, arguments


@pytest.mark.parametrize("path", [*sorted(CLUSTER.iterdir())], ids=lambda path: path.name)
def test_no_token_and_no_place_of_ours_stands_in_a_cluster_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b[0-9a-f]{32,}\b", text)
    assert "RAY_AUTH_MODE=disabled" not in text
    assert not re.search(r"/home/(?!ubuntu)|/root/|/work/", text)
