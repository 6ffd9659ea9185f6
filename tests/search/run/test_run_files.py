"""What may stand in a run's files, part by part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from search.run.files.everything import read_everything
from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.run.trials import read_trial
from tests.search.made_runs import MadeRun, falling
from trainables.files.generation import Fence, Fenced, next_generation, read_generation
from trainables.files.record import RecordWriter, end_line


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    return MadeRun(tmp_path / "run").add("refill", falling(0.9))


def change(trial: Path, number: int, **changes: Any) -> None:
    """Replace keys of a line of the trial's record."""
    record = trial / "record.jsonl"
    lines = record.read_bytes().splitlines()
    lines[number - 1] = json.dumps(json.loads(lines[number - 1]) | changes).encode()
    record.write_bytes(b"\n".join(lines) + b"\n")


@pytest.mark.parametrize(
    ("number", "changes", "says"),
    [
        (1, {"identity": 7}, "`identity` is no object"),
        (1, {"identity": {"id": "a", "colour": "red"}}, "`identity` has 'colour'"),
        (1, {"identity": {"arm": "a"}}, "no `id`"),
        (1, {"identity": {"id": "a", "seed": "one"}}, "`seed` is 'one'"),
        (1, {"identity": {"id": "a", "phase": "later"}}, "`phase` is 'later'"),
        (1, {"config": None}, "`config` is no object"),
        (1, {"weights": {}}, "`weights` has no digest"),
        (1, {"dense": {}}, "`dense` tells no MACs"),
        (2, {"kind": ["state"]}, "no `kind`"),
        (3, {"val_accuracy": "high"}, "`val_accuracy` is 'high'"),
        (3, {"training_macs": None}, "`training_macs` is None"),
        (4, {"kept": [1]}, "`kept` is [1]"),
        (6, {"status": "perhaps"}, "`status` is 'perhaps'"),
        (2, {"kind": "epoch", "epoch": "first"}, "`epoch` is 'first'"),
        (3, {"generation": "2"}, "`generation` is '2'"),
        (3, {"kind": "launch", "epoch": 0}, "no `epochs_total`"),
        (3, {"kind": "launch", "epoch": 0, "epochs_total": None}, "`epochs_total` is None"),
    ],
)
def test_a_line_that_holds_something_else_is_told_by_its_number(
    trial: Path, number: int, changes: dict[str, Any], says: str
) -> None:
    change(trial, number, **changes)
    with pytest.raises(UserError) as caught:
        read_trial(trial, "interrupted")
    assert str(caught.value).startswith(f"{trial / 'record.jsonl'}, line {number}: damaged ({says}); put back a copy")


def test_a_trial_that_failed_before_it_had_weights_and_began_anew_is_sound(trial: Path) -> None:
    lines = (trial / "record.jsonl").read_bytes().splitlines(keepends=True)
    writer = RecordWriter(trial.with_name("refill-001"))
    writer.start({key: json.loads(lines[0])[key] for key in ("identity", "config")})
    writer.append(end_line("failed", error="no data"))
    known = read_trial(writer.path.parent, "interrupted")
    assert known.status == "failed"
    with writer.path.open("ab") as record:
        record.write(b"".join(lines))
    for found in (read_trial(writer.path.parent, "interrupted"), read_trial(writer.path.parent, "interrupted", known)):
        assert (found.status, len(found.states), found.dense_macs) == ("finished", 4, read_trial(trial, "").dense_macs)


def test_what_is_null_or_more_than_is_known_is_no_damage(trial: Path) -> None:
    change(trial, 2, val_loss=None, test_accuracy=None, test_loss=None, colour="red")
    change(trial, 3, kind="remark")
    assert [end.state for end in read_trial(trial, "interrupted").states] == [0, 2, 3]


def test_a_record_whose_configuration_another_version_wrote(trial: Path) -> None:
    change(trial, 1, config={"model": {"arch": "vit_micro"}, "colour": "red"})
    with pytest.raises(UserError, match="this prunetune cannot read its recorded configuration"):
        _ = read_trial(trial, "interrupted").schedule


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("identity", {"id": 3}, "`id` is 3"),
        ("identity", {"id": "a", "phase": "later"}, "`phase` is 'later'"),
        ("values", [], "its parts are no objects"),
    ],
)
def test_a_request_of_something_else(trial: Path, key: str, value: Any, says: str) -> None:
    request = trial / "trial.json"
    request.write_text(json.dumps(json.loads(request.read_text()) | {key: value}))
    with pytest.raises(UserError, match=f"no request of a trial \\({says}\\)"):
        read_trial(trial, "interrupted")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"foundations": []}, "`foundations`"),
        ({"foundations": {"rsst": {"weights": {}}}}, "`foundations.rsst.weights.digest`: Field required"),
        ({"launches": [{}]}, "`launches.0.generation`: Field required"),
        ({"grown": [{"trials_per_arm": 7}]}, "`grown.0.trials_per_arm`"),
        ({"settled": {}}, "`settled.seeds`"),
        ({"schema_version": 2}, "written as version 2 of the manifest, this prunetune reads version 1"),
    ],
)
def test_a_manifest_of_another_shape(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    run, sound = RunFolder(tmp_path), {"schema_version": 1, "foundations": {}, "launches": [], "more": 7}
    run.manifest_file.write_text(json.dumps(sound))
    assert read_manifest(run) == sound
    run.manifest_file.write_text(json.dumps(sound | changes))
    with pytest.raises(UserError) as caught:
        read_manifest(run)
    assert says in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"12", b"-1\n", b"1 2\n", b"one\n", b"\xb2\n", b"\x00\x00\n"])
def test_a_damaged_generation_neither_begins_a_launch_nor_lets_a_trial_write(tmp_path: Path, content: bytes) -> None:
    assert next_generation(tmp_path) == 1
    guard = Fence(tmp_path, 1)
    (tmp_path / "generation").write_bytes(content)
    for asked in (read_generation, next_generation, lambda _: guard()):
        with pytest.raises(UserError, match="generation: damaged"):
            asked(tmp_path)
    assert (tmp_path / "generation").read_bytes() == content
    (tmp_path / "generation").write_bytes(b"12\n")
    assert next_generation(tmp_path) == 13
    with pytest.raises(Fenced):
        guard()


def test_everything_is_read_where_nothing_is_damaged(trial: Path) -> None:
    assert [one.id for one in read_everything(RunFolder(trial.parent.parent))] == ["refill-000"]
