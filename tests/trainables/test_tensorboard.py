"""What TensorBoard's own readers find in a trial's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
from tensorboard.summary.writer import event_file_writer

from models.units.structure import KINDS, GroupStructure, Structure
from tests.trainables.small_trials import numbers, run, small_config
from trainables.files.record import Identity, RecordWriter, StateEnd
from trainables.tensorboard.board import TrialBoard, structure_images
from trainables.tensorboard.hparams import flat
from trainables.trial import Trial

STRUCTURE = Structure(
    {
        "blocks.0.attn": GroupStructure("head", 4, (0, 2)),
        "blocks.0.mlp": GroupStructure("neuron", 8, (1, 2, 7)),
        "blocks.1.attn": GroupStructure("head", 4, (3,)),
    }
)


def epoch_line(number: int, **values: Any) -> dict[str, Any]:
    return {
        "kind": "epoch",
        "state": (number - 1) // 2,
        "epochs_total": number,
        "train_loss": 1 / number,
        "train_accuracy": 0.5,
        "val_loss": 0.7,
        "val_accuracy": number / 100,
        "lr": 1e-3,
        "lambda": 0.0,
        "kept": {"head": 3, "neuron": 3},
        **{"removed_percent": 10.0, "removed_of_all_percent": 4.0},
        **{"params": 1000, "macs": 5000},
        "images_per_second": 100.0,
        "seconds": 1.0,
        **values,
    }


def state_end(state: int, **values: Any) -> StateEnd:
    chosen: dict[str, Any] = {
        "state": state,
        "epochs": 2 * (state + 1),
        "val_accuracy": 0.9 - state / 10,
        "val_loss": 0.4,
        "test_accuracy": 0.123,
        "test_loss": 4.56,
        **{"params": 1000, "macs": 5000},
        "removed_percent": 20.0 * state,
        "removed_of_all_percent": 8.0 * state,
        "kept": {"head": 3},
        "training_macs": 1.0,
        "seconds": 1.0,
        "structure": STRUCTURE.to_json(),
    }
    return StateEnd(**{**chosen, **values})


def read(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    accumulator.Reload()
    return accumulator


def series(folder: Path, tag: str) -> list[tuple[int, float]]:
    return [(event.step, pytest.approx(event.value)) for event in read(folder).Scalars(tag)]


class Table:
    """The HParams tab of a run's folder, as its backend answers."""

    def __init__(self, folder: Path) -> None:
        multiplexer = EventMultiplexer().AddRunsFromDirectory(str(folder))
        multiplexer.Reload()
        provider = MultiplexerDataProvider(multiplexer, str(folder))
        context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
        request = RequestContext()
        metadata = context.hparams_metadata(request, "")
        experiment = context.experiment_from_metadata(
            request, "", True, metadata, context.hparams_from_data_provider(request, "", None)
        )
        self.columns = {info.name for info in experiment.hparam_infos}
        self.metrics = {info.name.tag for info in experiment.metric_infos}
        wanted = api_pb2.ListSessionGroupsRequest(
            start_index=0,
            slice_size=100,
            allowed_statuses=list(api_pb2.Status.values()),
            col_params=[
                api_pb2.ColParams(metric=api_pb2.MetricName(tag="accuracy/val"), include_in_result=True),
                *(api_pb2.ColParams(hparam=name, include_in_result=True) for name in self.columns),
            ],
        )
        handler = list_session_groups.Handler(
            request_context=request, backend_context=context, experiment_id="", request=wanted
        )
        self.rows = {group.name: group for group in handler.run().session_groups}

    def value(self, trial: str, key: str) -> Any:
        value = self.rows[trial].hparams[key]
        return getattr(value, value.WhichOneof("kind"))

    def status(self, trial: str) -> str:
        return api_pb2.Status.Name(self.rows[trial].sessions[0].status)


def test_an_epoch_stands_at_its_number_under_readable_tags(tmp_path: Path) -> None:
    board = TrialBoard(tmp_path, {})
    for number in (1, 2, 3):
        board.epoch(epoch_line(number))
    assert series(tmp_path, "accuracy/val") == [(1, 0.01), (2, 0.02), (3, 0.03)]
    assert series(tmp_path, "kept/heads") == [(1, 3), (2, 3), (3, 3)]
    tags = set(read(tmp_path).Tags()["scalars"])
    assert {"accuracy/train", "loss/train", "loss/val", "schedule/lr", "rsst/lambda", "size/removed_percent"} <= tags
    assert {"size/parameters", "size/macs", "size/removed_of_all_percent", "kept/neurons"} <= tags
    board.close("running")


def test_state_ends_have_their_own_series(tmp_path: Path) -> None:
    board = TrialBoard(tmp_path, {})
    board.state(state_end(0))
    board.state(state_end(1, removal={"val_accuracy_before": 0.8, "val_accuracy_after": 0.7, "magnitude_ratio": 0.05}))
    board.close("finished")
    assert series(tmp_path, "state/val_accuracy") == [(0, 0.9), (1, 0.8)]
    assert series(tmp_path, "state/val_accuracy_at_removed_permille") == [(0, 0.9), (200, 0.8)]
    assert series(tmp_path, "rsst/magnitude_ratio") == [(4, 0.05)]
    assert series(tmp_path, "removal/val_accuracy_after") == [(4, 0.7)]
    assert series(tmp_path, "final/val_accuracy") == [(4, 0.8)]
    assert series(tmp_path, "final/removed_of_all_percent") == [(4, 8.0)]
    assert set(read(tmp_path).Tags()["images"]) == {"structure/heads", "structure/neurons"}


def test_no_test_figure_is_ever_shown(tmp_path: Path) -> None:
    board = TrialBoard(tmp_path, {"seed": 1})
    board.epoch(epoch_line(1))
    board.state(state_end(0))
    board.close("finished")
    found = read(tmp_path)
    values = {event.value for tag in found.Tags()["scalars"] for event in found.Scalars(tag)}
    assert not any("test" in tag for tag in found.Tags()["scalars"])
    assert not any(abs(value - figure) < 1e-3 for value in values for figure in (0.123, 4.56))


def test_the_structure_image_colours_what_is_kept() -> None:
    images = structure_images(STRUCTURE)
    heads = images["head"][::8, ::8]
    kept = (heads == (68, 119, 170)).all(2)
    assert kept.tolist() == [[True, False, True, False], [False, False, False, True]]
    assert images["neuron"].shape == (12, 64, 3)
    layers = {f"blocks.{n}.mlp": GroupStructure("neuron", 3000, tuple(range(1500))) for n in range(12)}
    wide = structure_images(Structure(layers))["neuron"]
    assert wide.shape == (600, 3000, 3), "a fifth as high as wide, so that it can be read in a card"
    assert wide.dtype == np.uint8
    assert (wide[25, 1499] == (68, 119, 170)).all()
    assert (wide[25, 1500] == (230, 230, 230)).all()


def test_a_resumed_trial_has_each_point_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after epoch 5 with a checkpoint at 4: epoch 5 is trained again, and the states' series stay whole."""
    # A resumed trial's file is a later second's. Here both are of one second and told apart by a count of the process's
    # files; TensorBoard sorts them as text, the tenth before the ninth.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    record = RecordWriter(tmp_path)
    record.start({})
    first = TrialBoard(tmp_path, {"lr": 0.1}, purge_step=1)
    for state in (0, 1):
        for number in (2 * state + 1, 2 * state + 2):
            first.epoch(epoch_line(number))
        record.append(state_end(state).to_json())
        first.state(state_end(state))
    first.epoch(epoch_line(5, val_accuracy=0.99))
    second = TrialBoard(tmp_path, {"lr": 0.1}, purge_step=5)
    for number in (5, 6):
        second.epoch(epoch_line(number))
    second.state(state_end(2))
    second.close("finished")
    assert series(tmp_path, "accuracy/val") == [(number, number / 100) for number in range(1, 7)]
    assert series(tmp_path, "state/val_accuracy") == [(0, 0.9), (1, 0.8), (2, 0.7)]
    assert series(tmp_path, "state/val_accuracy_at_removed_permille") == [(0, 0.9), (200, 0.8), (400, 0.7)]


def test_an_open_tensorboard_sees_each_epoch_as_it_ends(tmp_path: Path) -> None:
    board = TrialBoard(tmp_path, {})
    board.epoch(epoch_line(1))
    reader = read(tmp_path)
    assert len(reader.Scalars("accuracy/val")) == 1
    board.epoch(epoch_line(2))
    reader.Reload()
    assert len(reader.Scalars("accuracy/val")) == 2
    board.close("running")


def test_hparams_show_every_key_of_every_arm_and_running_trials(tmp_path: Path) -> None:
    refill = TrialBoard(tmp_path / "refill-000", {"arm": "refill", "seed": 0, "train": {"lr": 0.01}, "rewind": None})
    rsst = TrialBoard(
        tmp_path / "rsst-000",
        {"arm": "rsst", "seed": 0, "train.lr": 0.02, "prune.rsst.shrink": 0.1, "flip": True, "milestones": (0.5, 0.75)},
    )
    for board in (refill, rsst):
        board.epoch(epoch_line(1))
    refill.state(state_end(0))
    refill.close("finished")
    table = Table(tmp_path)
    assert table.columns == {"arm", "seed", "train.lr", "rewind", "prune.rsst.shrink", "flip", "milestones"}
    assert {"accuracy/val", "final/val_accuracy"} <= table.metrics
    assert set(table.rows) == {"refill-000", "rsst-000"}
    assert table.value("refill-000", "train.lr") == 0.01
    assert table.value("refill-000", "rewind") == "None"
    assert table.value("rsst-000", "flip") is True
    assert table.value("rsst-000", "milestones") == "(0.5, 0.75)"
    assert table.status("refill-000") == "STATUS_SUCCESS"
    assert table.status("rsst-000") in {"STATUS_UNKNOWN", "STATUS_RUNNING"}
    accuracies = {
        name: [value.value for value in group.metric_values if value.name.tag == "accuracy/val"]
        for name, group in table.rows.items()
    }
    assert accuracies == {"refill-000": [pytest.approx(0.01)], "rsst-000": [pytest.approx(0.01)]}
    rsst.close("diverged")
    assert Table(tmp_path).status("rsst-000") == "STATUS_FAILURE"


def test_every_kind_has_a_tag_that_reads_well_and_those_of_before_stay(tmp_path: Path) -> None:
    board = TrialBoard(tmp_path, {"prune.target": ["head", "embed"]})
    board.epoch(epoch_line(1, kept=dict.fromkeys(KINDS, 3)))
    board.close("running")
    tags = {tag for tag in read(tmp_path).Tags()["scalars"] if tag.startswith("kept/")}
    before = ("heads", "neurons", "token_neurons", "channels", "embedding_channels", "query-key_dimensions", "branches")
    assert tags == {f"kept/{word}" for word in (*before, "interaction_heads")}


def test_values_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    board = TrialBoard(tmp_path, {"broken": float("nan")})
    board.epoch(epoch_line(1, val_loss=float("nan"), **{"lambda": None}))
    board.close("diverged")
    tags = read(tmp_path).Tags()["scalars"]
    assert "loss/val" not in tags
    assert "rsst/lambda" not in tags
    assert "accuracy/val" in tags


def test_nested_values_become_dotted_keys() -> None:
    assert flat({"a": {"b": 1, "c": {"d": 2}}, "e": {}, "f": [1]}) == {"a.b": 1, "a.c.d": 2, "e": {}, "f": [1]}


def test_a_study_that_does_not_want_it_gets_no_file_and_the_same_record(tmp_path: Path) -> None:
    config, identity = small_config(train={"epochs_per_state": 1}), Identity("t-000", "t")
    for name, events in (("with", True), ("without", False)):
        run(Trial.open(tmp_path / name, identity, config, events=events))
    assert list((tmp_path / "with").glob("events.out.tfevents*"))
    assert list((tmp_path / "without").glob("events.out.tfevents*")) == []
    assert numbers(tmp_path / "with") == numbers(tmp_path / "without")
