"""Samplers and stopping rules of a user's own: checked before a trial runs, alike after a resume, blamed for what is theirs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import Simulation, make_study
from models.errors import UserError
from search.run.views import trial_view
from search.study.load import load_study
from search.tuning.own.checks import check_own_search
from search.tuning.own.made_trials import made_trials
from tests.search.tuning.own_parts import users

__all__ = ["users"]

OWN = {"algorithm": "samplers.py:Noting", "trials_per_arm": 8}


def broken_in_many_places(study: Any, storage: Path) -> Simulation:
    simulation = Simulation(study, storage, workers=1)
    for _ in range(40):
        simulation.go(2)
        simulation.relaunch()
    return simulation.go()


def test_a_resumed_run_proposes_and_stops_alike(users: Path) -> None:
    study = make_study(users, search=OWN, scheduler={"kind": "rules.py:low", "args": {"floor": 0.82}})
    assert check_own_search(study) == []
    whole = Simulation(study, users / "whole", workers=1).go()
    broken = broken_in_many_places(study, users / "broken")
    proposed = [{trial.id: (trial.values, trial.drawn) for trial in one.store} for one in (whole, broken)]
    assert proposed[0] == proposed[1]
    assert sorted(drawn["noted"] for values, drawn in proposed[0].values()) == sorted([*range(8), *range(8)])
    assert whole.statuses() == broken.statuses()
    assert set(whole.statuses().values()) == {"stopped", "finished"}
    for trial in whole.store:
        if trial.status == "stopped":
            assert trial.record is not None
            assert trial.last.val_accuracy < 0.82 <= trial.states[-2].val_accuracy or trial.last.state == 1
            assert trial.record.end["reason"].startswith("rules.py:low: val_accuracy 0.")  # type: ignore[index]


def test_another_seed_and_other_arguments_reach_the_sampler(users: Path) -> None:
    drawn = []
    for search in (OWN, {**OWN, "seed": 1}, {**OWN, "algorithm_args": {"key": "other"}}):
        study = make_study(users, search={**search, "trials_per_arm": 1})
        drawn.append(next(iter(Simulation(study, users / str(len(drawn))).go().store)))
    assert drawn[0].values != drawn[1].values
    assert (drawn[0].values, drawn[2].drawn) == (drawn[2].values, {"other": 0})


def test_a_rule_may_say_where_it_judges_and_controls_are_not_asked(users: Path) -> None:
    arms = {"rsst": {"prune.method": "rsst"}, "random": {"prune.method": "random"}}
    scheduler = {"kind": "rules.py:AtTheEnd", "args": {"at": 50}, "min_trials": 4}
    study = make_study(users, arms=arms, search={"algorithm": "random", "trials_per_arm": 8}, scheduler=scheduler)
    simulation = Simulation(study, users / "runs").go()
    stopped = [trial for trial in simulation.store if trial.status == "stopped"]
    assert stopped
    assert {trial.identity.arm for trial in stopped} == {"rsst"}
    assert {trial.last.removed_percent for trial in stopped} == {60.0}


def test_paired_trials_stop_together_by_a_rule_of_ones_own(users: Path) -> None:
    search = {"algorithm": "random", "trials_per_arm": 8, "seeds": [1, 6]}
    study = make_study(users, search=search, scheduler={"kind": "rules.py:low", "args": {"floor": 0.85}})
    store = Simulation(study, users / "runs").go().store
    stopped = [trial for trial in store if trial.status == "stopped"]
    assert len(stopped) > 4
    for trial in stopped:
        (partner,) = [
            one
            for one in store
            if (one.identity.arm, one.identity.number) == (trial.identity.arm, trial.identity.number)
            and one.id != trial.id
        ]
        # Who comes second is stopped where it stands, and the first at its next state's end.
        place = min(trial.last.removed_percent, partner.last.removed_percent)
        reached = [trial_view(one).val_accuracy_at(place) for one in (trial, partner)]
        assert all(value is not None and value < 0.85 for value in reached)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"search": {"algorithm": "samplers.py:no_sampler"}}, "found int, expected an optuna.samplers.BaseSampler"),
    (
        {"search": {"algorithm": "samplers.py:Noting", "algorithm_args": {"width": 1}}},
        "unexpected keyword argument 'width'",
    ),
    (
        {"search": {"algorithm": "samplers.py:Noting", "algorithm_args": {"seed": 3}}},
        "search.algorithm_args has seed, .* say search.seed",
    ),
    ({"scheduler": {"kind": "rules.py:AT_30", "args": {"at": 60}}}, "is an object already, .* name its class instead"),
    ({"search": {"algorithm": "samplers.py:Notin"}}, "the nearest is Noting"),
    (
        {"search": {"algorithm": "samplers.py:Beyond"}},
        r"samplers.py:Beyond proposed (\S+) = [\d.e-]+ for \w+, which lies outside the space \(\1: {\w+: \[.*\]",
    ),
    ({"search": {"algorithm": "nowhere:Sampler"}}, "there is no module nowhere"),
    ({"scheduler": {"kind": "rules.py:asks_too_much"}}, r"a rule is asked \(trial, rivals, removed_percent\)"),
    ({"scheduler": {"kind": "rules.py:low", "args": {"roof": 1}}}, "unexpected keyword argument 'roof'"),
    ({"scheduler": {"kind": "diary.py:json"}}, "found module in .*diary.py, expected a function"),
    ({"callbacks": ["diary.py:Mute"]}, "expected an object or a class with any of on_study_start"),
    ({"callbacks": ["diary.py:Misspelt"]}, "the nearest to its on_trial_ended is on_trial_end"),
    (
        {"callbacks": ["diary.py:TakesTooLittle"]},
        r"TakesTooLittle: on_state_end: too many positional arguments; it is called with \(trial, state\)",
    ),
    ({"scheduler": {"kind": "rules.py:fails"}}, r"rules.py:\d+: KeyError: 'nothing'; correct it there \(asked about"),
    ({"scheduler": {"kind": "rules.py:undecided"}}, "gave None for .*, expected True to go on or False"),
    ({"callbacks": [{"diary.py:Diary": {"paht": "x"}}]}, "missing a required argument: 'path'"),
]


@pytest.mark.parametrize(("sections", "told"), WRONG, ids=[told for _, told in WRONG])
def test_what_cannot_work_is_found_before_a_trial_runs(users: Path, sections: dict[str, Any], told: str) -> None:
    study = make_study(users, **sections)
    with pytest.raises(UserError, match=rf"study-file.yaml, line \d+: .*{told}") as found:
        check_own_search(study)
    assert found.value.exit_status == 2
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"search": {"algorithm": "tep"}}, "'tep' is none of tpe, random, .*; the nearest is tpe"),
        ({"scheduler": {"kind": "ahsa"}}, "'ahsa' is none of asha, hyperband, median, none; the nearest is asha"),
        ({"search": {"algorithm_args": {"width": 1}}}, "algorithm_args are for a sampler of one's own, and tpe is not"),
        ({"scheduler": {"kind": "asha", "args": {"width": 1}}}, "args are for a rule of one's own, and asha has"),
        ({"callbacks": ["diary"]}, "found 'diary', expected module:object, path/to/file.py:object"),
    ],
)
def test_mistakes_that_need_no_import(users: Path, sections: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        make_study(users, **sections)


def test_rules_and_callbacks_that_work_are_let_be(users: Path) -> None:
    callbacks = ["diary.py:Still", "diary.py:still", {"diary.py:Diary": {"path": "x"}}]
    for scheduler in ({"kind": "rules.py:low"}, {"kind": "rules.py:AtTheEnd", "args": {"at": 50}, "grace_states": 9}):
        assert check_own_search(make_study(users, scheduler=scheduler, callbacks=callbacks)) == []
    (warning,) = check_own_search(make_study(users, callbacks=["diary.py:HalfMisspelt"]))
    assert (
        warning
        == "callbacks: diary.py:HalfMisspelt has on_trial_ended, which nothing calls; the nearest is on_trial_end"
    )


def test_a_rule_is_tried_on_as_many_trials_as_it_waits_for(users: Path) -> None:
    study = make_study(users, scheduler={"kind": "rules.py:low", "min_trials": 5, "grace_states": 2})
    asked = list(made_trials(study))
    assert [trial.states[-1].state for trial, _ in asked] == [2, 3, 4]
    for trial, rivals in asked:
        removed_percent = trial.states[-1].removed_percent
        assert len({one.id for one in (trial, *rivals)}) == 1 + len(rivals)
        assert sum(one.val_accuracy_at(removed_percent) is not None for one in rivals) + 1 >= 5
        assert trial.settings.keys() == {"train.lr"}


def test_one_argument_may_be_set_by_its_dotted_key(users: Path) -> None:
    make_study(users, search={**OWN, "algorithm_args": {"key": "a", "more": 1}}, scheduler={"kind": "rules.py:low"})
    sets = ["search.algorithm_args.key=b", "scheduler.args.floor=0.5"]
    study = load_study(users / "study-file.yaml", sets)
    assert (study.search.algorithm_args, study.scheduler.args) == ({"key": "b", "more": 1}, {"floor": 0.5})
    with pytest.raises(UserError, match=r"scheduler\.arg\.floor is not a known key"):
        load_study(users / "study-file.yaml", ["scheduler.arg.floor=0.5"])


def test_a_sampler_without_a_seed_is_told(users: Path) -> None:
    (warning,) = check_own_search(make_study(users, search={"algorithm": "samplers.py:unseeded"}))
    assert "takes no `seed`" in warning


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"search": {"algorithm": "samplers.py:FailsLater"}}, r"samplers.py:\d+: ZeroDivisionError: no more ideas"),
        (
            {"search": {"algorithm": "samplers.py:Beyond", "algorithm_args": {"after": 2}}},
            "samplers.py:Beyond proposed .* outside the space",
        ),
        ({"scheduler": {"kind": "rules.py:fails", "min_trials": 1}}, r"rules.py:\d+: KeyError: 'nothing'"),
        (
            {"scheduler": {"kind": "rules.py:undecided", "min_trials": 1}},
            "gave None for .*, expected True to go on or False",
        ),
    ],
)
def test_a_failing_part_ends_the_launch_and_what_is_recorded_goes_on_once_it_is_mended(
    users: Path, sections: dict[str, Any], told: str
) -> None:
    search = {"algorithm": "random", "trials_per_arm": 4}
    study = make_study(users, **{"search": search, **sections})
    logged: list[str] = []
    simulation = Simulation(study, users / "runs", workers=1)
    simulation.queue.log = logged.append
    simulation.go()
    assert simulation.queue.leave is not None
    assert re.search(told, simulation.queue.leave)
    assert any("Traceback" in text for text in logged)
    ended = sum(trial.ended for trial in simulation.store)
    for name in ("samplers.py", "rules.py"):
        mended = (
            (users / name)
            .read_text()
            .replace('raise ZeroDivisionError("no more ideas")', "pass")
            .replace("high * 10", "high")
        )
        mended = mended.replace('return {}["nothing"]', "return True").replace("return None", "return True")
        mended = mended.replace("high * 10", "high")
        (users / name).write_text(mended)
    simulation.relaunch()
    simulation.go()
    assert simulation.queue.leave is None
    assert set(simulation.statuses().values()) == {"finished"}
    assert len(simulation.statuses()) > ended
