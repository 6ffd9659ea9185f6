"""What a run rests on: one source of weights is told once, two are told apart."""

from __future__ import annotations

import json
from pathlib import Path

from search.report.provenance import reach_facts, run_facts, teacher_facts, weights_facts
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling


def replaced(folder: Path, old: str, new: str) -> None:
    record = folder / "record.jsonl"
    record.write_text(record.read_text().replace(old, new))


def test_weights_of_one_source_are_told_once_whatever_the_seeds_drew(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    for number in range(6):
        replaced(made.add("rsst", falling(0.9), number=number), "ab" * 32, f"{number:064d}")
    (facts,) = weights_facts(load_results(made.path)).values()
    assert "6 of them, one for each seed" in facts["digest"]
    assert f"{3:064d}" in facts["digest"]
    assert facts["digest"].endswith("and 2 more, in each trial's record")


def test_weights_of_two_sources_are_told_apart_by_arm(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", falling(0.9))
    replaced(made.add("rsst", falling(0.9)), '"verdict":"random"', '"verdict":"unproven"')
    facts = weights_facts(load_results(made.path))
    assert {title: one["verdict"] for title, one in facts.items()} == {
        "Initial weights of rsst": "unproven",
        "Initial weights of refill": "random",
    }


def test_what_is_left_whole_is_told_and_old_records_say_nothing_of_it(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    whole = (
        '"parameters":1000,"prunable_parameters":600,"prunable":{"head":100,"neuron":500},"left_whole":'
        '[{"kind":"head","block":"CrossAttention","reason":"unknown","count":6,"parameters":200}]'
    )
    made.add("refill", falling(0.9))
    replaced(made.add("rsst", falling(0.9)), '"prunable_parameters":190000', whole)
    assert reach_facts(load_results(made.path)) == {
        "rsst": "target both: heads and neurons, 60.0 % of all parameters; left whole: 6 CrossAttention (20.0 %); "
        "all else (stem, norms, other convolutions, classifier): 20.0 %"
    }


def test_machines_that_differ_are_each_named(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", falling(0.9))
    replaced(made.add("rsst", falling(0.9)), "one processor", "another processor")
    facts = run_facts(load_results(made.path))
    assert facts["hardware"] == "one processor, float32, 1 thread(s); another processor, float32, 1 thread(s)"
    assert facts["commit"] == "e" * 40


def test_a_run_before_its_first_trial_rests_on_nothing(tmp_path: Path) -> None:
    assert run_facts(load_results(MadeRun(tmp_path / "run").path)) == {}


TEACHER = (
    '"teacher":{"digest":"ef","verdict":"unproven","evidence":["by its own header"],"warnings":[],"origin":"a.safetensors",'
    '"source_sha256":"12","spec":{"arch":"vit_micro"},"params":200000,"macs":10000000,'
    '"probe":{"accuracy":0.9,"guessing":0.1,"standard_error":0.02,"images":320,"wins":true}},"weights":'
)


def test_a_teacher_is_told_with_the_arms_that_learn_from_it(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    for number in range(2):
        replaced(made.add("rsst", falling(0.9), number=number), '"weights":', TEACHER)
    (told,) = teacher_facts(load_results(made.path)).items()
    assert told[0] == "Teacher"
    assert told[1]["verdict"] == "unproven"
    assert told[1]["network"] == "vit_micro, 200,000 parameters, 10 M MACs an image"
    assert told[1]["what it knows"] == "right on 90.0 % of 320 training images, where guessing is on 10.0 %"
    assert (told[1]["trials"], "warnings" in told[1]) == ("2", False)
    made.add("refill", falling(0.9))
    assert set(teacher_facts(load_results(made.path))) == {"Teacher of rsst"}


def test_runs_without_an_outside_teacher_tell_of_none(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("rsst", falling(0.9))
    assert teacher_facts(load_results(made.path)) == {}


def test_a_trial_that_failed_before_it_knew_what_it_rests_on_hides_none_of_the_others(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", falling(0.9))
    folder = made.add("rsst", falling(0.9))
    first, *_ = (folder / "record.jsonl").read_text().splitlines()
    known = {
        key: value
        for key, value in json.loads(first).items()
        if key in ("kind", "schema_version", "identity", "config")
    }
    (folder / "record.jsonl").write_text(json.dumps(known) + "\n")
    assert "commit" in run_facts(load_results(made.path))
