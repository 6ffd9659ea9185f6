"""Study files: what they come to, that they read back, and that every mistake is one line with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.support.simulation import BASE, make_study
from models.errors import UserError
from search.study.load import load_study
from search.study.study import Study

FILE = """\
name: small
trial:
  model: {arch: vit_micro, init: {source: random}}
  data: {name: digits}
  train: {lr: 1e-3, epochs_per_state: 2}
  prune: {schedule: {kind: geometric, states: 2}}
arms:
  refill: {prune.method: refill}
  rsst:
    prune: {method: rsst}
space:
  train.lr: {log_uniform: [3.0e-4, 3.0e-3]}
  trial.prune.rsst.shrink: {log_uniform: [1.0e-4, 0.5], arms: [rsst]}
search: {trials_per_arm: 4, confirm: {seeds: [11, 12]}}
scheduler: {kind: asha}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(FILE)
    return file


def changed(path: Path, old: str, new: str) -> Path:
    assert old in FILE
    path.write_text(FILE.replace(old, new, 1))
    return path


def test_an_arm_is_the_trial_with_its_patch_and_values(path: Path) -> None:
    study = load_study(path)
    config = study.arm("rsst").config({"train.lr": 0.002, "prune.rsst.shrink": 0.1}, seed=7)
    assert (config.prune.method, config.train.lr, config.prune.rsst.shrink, config.seed) == ("rsst", 0.002, 0.1, 7)
    assert study.arm("refill").config().train.lr == 0.001
    assert study.control_arms() == ()


def test_the_resolved_file_reads_back_equal(path: Path, tmp_path: Path) -> None:
    study = load_study(path, ["trial.data.root=images", "search.objective={metric: val_accuracy, at: 40}"])
    copy = tmp_path / "elsewhere" / "study.yaml"
    copy.parent.mkdir()
    copy.write_text(study.to_yaml())
    assert load_study(copy) == study
    assert load_study(copy).to_yaml() == study.to_yaml()


def test_without_arms_there_is_one_called_trial(path: Path) -> None:
    path.write_text(FILE.split("arms:")[0])
    study = load_study(path)
    assert list(study.arms) == ["trial"]
    assert not study.space
    assert study.arm("trial").config().prune.method == "refill"


def test_paths_are_those_of_the_file_and_of_the_command_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(path, "{name: digits}", "{name: digits, root: images}")
    elsewhere = path.parent / "there"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load_study(path).arm("rsst").config().data.root == path.parent / "images"
    assert load_study(path, ["trial.data.root=mine"]).arm("rsst").config().data.root == elsewhere / "mine"


class TestSets:
    def test_a_searched_key_is_fixed(self, path: Path) -> None:
        study = load_study(path, ["trial.train.lr=5e-4"])
        assert study.space.keys() == ("prune.rsst.shrink",)
        assert study.arm("rsst").config().train.lr == 5e-4

    def test_a_whole_section_fixes_the_keys_in_it(self, path: Path) -> None:
        assert load_study(path, ["trial.train={lr: 0.01}"]).space.keys() == ("prune.rsst.shrink",)

    def test_any_other_value_is_replaced(self, path: Path) -> None:
        study = load_study(
            path,
            ["search.trials_per_arm=9", "train.epochs_per_state=5", "arms.rsst.prune.criterion=l2", "name=other",
             "space.train.lr=null"],
        )  # fmt: skip
        assert (study.search.trials_per_arm, study.name, study.space.keys()) == (9, "other", ("prune.rsst.shrink",))
        assert study.arm("rsst").config().prune.criterion == "l2"
        assert study.arm("refill").config().train.epochs_per_state == 5

    def test_a_target_is_a_word_or_a_list(self, path: Path) -> None:
        for option, target in (("[head, embed]", ("head", "embed")), ("qk", "qk")):
            study = load_study(path, [f"trial.prune.target={option}"])
            assert {arm.config().prune.target for arm in study.arms.values()} == {target}

    @pytest.mark.parametrize(
        ("option", "told"),
        [
            ("trial.train.lrr=1", "trial.train.lrr is not a known key; the nearest is trial.train.lr"),
            ("lr=1", "lr is not a known key; the nearest is trial.train.lr"),
            ("serch.seed=1", "the nearest is search.seed"),
            ("trial.train.lr", "KEY=VALUE is expected"),
            ("trial.train.lr=fast", "trial.train.lr: input should be a valid number"),
            ("trial.prune.method=rsst", "every arm sets prune.method itself"),
            ("arms.rst.train.seed=1", "'rst' is no arm (refill, rsst); the nearest is rsst"),
            ("scheduler.kind=ahsa", "the nearest is asha"),
            ("trial.prune.target=[head, embd]", "trial.prune.target: 'embd' is none of head, neuron, "),
            ("trial.prune.target=[]", "trial.prune.target: at least one of head, neuron, "),
            (
                "trial.prune={target: [qk], criterion: obs}",
                "trial.prune.criterion: obs cannot score qk; choose one that",
            ),
            ("arms=3", "arms: a section with keys is expected, found 3"),
            ("arms={refill: 3}", "arms.refill: a patch like"),
            ("space=[1]", "space: a section with keys is expected, found [1]"),
        ],
    )
    def test_a_mistake_names_the_option(self, path: Path, option: str, told: str) -> None:
        with pytest.raises(UserError) as caught:
            load_study(path, [option])
        assert str(caught.value).startswith(f"--set {option}: ")
        assert told in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("lr: 1e-3", "lrr: 1e-3", 5, "trial.train.lrr is not a known key; the nearest is trial.train.lr"),
        ("lr: 1e-3", "lr: fast", 5, "trial.train.lr: input should be a valid number"),
        (
            "epochs_per_state: 2",
            "epochs_per_state: true",
            5,
            "trial.train.epochs_per_state: a number is expected, found true",
        ),
        ("states: 2", "states: 2, head_ratio: 1.5", 6, "trial.prune.schedule.head_ratio: input should be less than 1"),
        ("arch: vit_micro, ", "", 3, "trial.model.arch is missing"),
        ("name: digits", "name: digitz", 4, "the nearest is digits"),
        ("method: refill", "methd: refill", 8, "arms.refill.prune.methd is not a known key"),
        ("{kind: geometric", "{kind: geometric}, target: {head: 1", 6, "trial.prune.target: one of head, mlp, "),
        ("method: rsst", "method: rsst, target: [head, head]", 10, "arms.rsst.prune.target: lists head twice"),
        ("method: rsst", "method: rst", 10, "arms.rsst.prune.method: 'rst' is none of"),
        ("{prune.method: refill}", "{prune.method: refill, train.lr: 0.1}", 8, "arms.refill.train.lr is searched"),
        ("arms: [rsst]", "arms: [rst]", 13, "'rst' is no arm of this study"),
        ("[3.0e-4, 3.0e-3]", "[-1, 3.0e-3]", 12, "needs numbers above 0"),
        ("log_uniform: [3.0e-4, 3.0e-3]", "uniform: [-1.0, 1.0]", 12, "space.train.lr: input should be greater than 0"),
        (
            "trials_per_arm",
            "trials_per_am",
            14,
            "search.trials_per_am is not a known key; the nearest is search.trials_per_arm",
        ),
        ("seeds: [11, 12]", "seeds: [11, 11]", 14, "a seed is given twice"),
        ("trials_per_arm: 4", "objective: test_accuracy", 14, "a search never sees the test split"),
        ("trials_per_arm: 4", "choose: macs", 14, "macs is none of the objectives (val_accuracy); name one of them"),
        ("trials_per_arm: 4", "algorithm: grid", 12, "a continuous distribution has no grid"),
        ("trials_per_arm: 4", "enqueue: [{train.lrr: 1}]", 14, "is not a searched key; the nearest is train.lr"),
        ("trials_per_arm: 4", "pairing: shared", 14, "shared goes with algorithm random, qmc or grid"),
        ("{kind: asha}", "{kind: none}\ncompare: {baseline: refil}", 16, "the nearest is refill"),
        ("{prune.method: refill}", "{prune.method: scratch}", 8, "scratch needs prune.scratch.arm"),
        (
            "{prune.method: refill}",
            "{prune.method: scratch, prune.scratch.arm: rst}",
            8,
            "'rst' is no arm of this study",
        ),
    ],
)
def test_a_mistake_is_one_line_with_the_key_and_its_line(path: Path, old: str, new: str, line: int, told: str) -> None:
    with pytest.raises(UserError) as caught:
        load_study(changed(path, old, new))
    message = str(caught.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert told in message
    assert "\n" not in message


def test_values_that_only_together_make_no_trial_are_found(path: Path) -> None:
    changed(path, "scheduler:", "scheduler:")
    path.write_text(
        FILE.replace(
            "search:", "  prune.rsst.ramp: {uniform: [0.2, 0.8]}\n  prune.rsst.hold: {uniform: [0.0, 0.4]}\nsearch:"
        )
    )
    with pytest.raises(UserError, match=r"line 15: space\.prune\.rsst\.hold: ramp \+ hold must be at most 1"):
        load_study(path)


def test_grids_of_unequal_size_are_told_apart(path: Path) -> None:
    text = FILE.replace("log_uniform: [3.0e-4, 3.0e-3]", "grid: [0.001, 0.002]").replace(
        "log_uniform: [1.0e-4, 0.5]", "grid: [0.1, 0.2]"
    )
    path.write_text(text.replace("trials_per_arm: 4", "algorithm: grid"))
    with pytest.raises(UserError, match="refill has 2, rsst has 4 points"):
        load_study(path)
    path.write_text(text.replace("trials_per_arm: 4", "algorithm: grid, trials_per_arm: 2"))
    assert load_study(path).search.trials_per_arm == 2


def test_a_grid_runs_all_its_points_by_default(path: Path) -> None:
    text = FILE.replace("log_uniform: [3.0e-4, 3.0e-3]", "grid: [0.001, 0.002, 0.003]")
    path.write_text(
        "\n".join(line for line in text.splitlines() if "shrink" not in line).replace(
            "trials_per_arm: 4", "algorithm: grid"
        )
    )
    assert load_study(path).search.trials_per_arm == 3


def test_an_option_after_a_wrong_section_does_not_hide_it(path: Path) -> None:
    for section in ("arms", "space"):
        with pytest.raises(UserError, match=f"--set {section}=3: {section}: a section with keys is expected"):
            load_study(path, [f"{section}=3", f"{section}.rsst.prune.method=rsst"])


def test_a_whole_section_may_be_replaced_and_then_patched(path: Path) -> None:
    arms = "arms={old: , new: {trial.prune: {method: rsst, rsst: {shrink: 0.5}}}}"
    study = load_study(path, ["space=null", arms, "arms.new.prune.rsst.shrink=0.25"])
    assert [arm.method for arm in study.arms.values()] == ["refill", "rsst"]
    assert study.arm("new").config().prune.rsst.shrink == 0.25


def test_a_pretraining_file_is_told_apart(path: Path) -> None:
    path.write_text("name: a\nmodel: {arch: vit_micro}\ndata: {name: digits}\nepochs: 1\noutput: a.safetensors\n")
    with pytest.raises(UserError, match="a pretraining file, not a study; give it to `prunetune pretrain`"):
        load_study(path)


@pytest.mark.parametrize("content", ["", "[1, 2]", "just text"])
def test_what_is_no_study_file_is_told(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(UserError, match="a study file with"):
        load_study(path)


def test_enqueued_configurations_reach_their_arms(path: Path) -> None:
    changed(
        path, "trials_per_arm: 4", "enqueue: [{train.lr: 0.01, prune.rsst.shrink: 0.2}, {train.lr: 0.02, arms: [rsst]}]"
    )
    study: Study = load_study(path)
    assert study.enqueued("refill") == ({"train.lr": 0.01},)
    assert study.enqueued("rsst") == ({"train.lr": 0.01, "prune.rsst.shrink": 0.2}, {"train.lr": 0.02})


def test_the_epochs_of_state_0_that_trials_may_return_to(tmp_path: Path) -> None:
    arms = {"one": {"prune.rewind": {"epoch": 2}}, "two": {"prune.rewind": "init"}, "three": {}}
    space = {"prune.rewind": {"choice": ["continue", {"epoch": 1}, {"epoch": 3}], "arms": ["three"]}}
    trial = {**BASE["trial"], "train": {"epochs_per_state": 4}}
    assert make_study(tmp_path, trial=trial, arms=arms, space=space).rewind_epochs == (1, 2, 3)
    assert make_study(tmp_path).rewind_epochs == ()
