"""Two machines' working copies of one bucket, and what a kill between any two writes leaves."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from trainables.files.generation import Fenced, read_generation
from trainables.files.remote.address import copies_folder, on_this_machine, opened_copies, url_of
from trainables.files.remote.at_need import fetched, is_there, remove
from trainables.files.remote.bucket import Bucket
from trainables.files.remote.errors import Changed
from trainables.files.remote.mirror import Mirror
from trainables.files.remote.run_mirror import RunMirror
from trainables.files.remote.table import read_table

CHECKPOINT = "checkpoint/latest.safetensors"


class Machine:
    """A machine's working copy of one trial, as the trial's process there works with it."""

    def __init__(self, folder: Path, bucket: Bucket) -> None:
        self.folder, self.mirror = folder, Mirror(folder, bucket, "trials/a")
        folder.mkdir()

    def fetch(self) -> None:
        self.mirror.update(self.mirror.entries(), lambda name: not name.startswith("states"))

    def epoch(self, line: str) -> None:
        """Write an epoch here: its line, and its checkpoint."""
        with (self.folder / "record.jsonl").open("a") as file:
            file.write(f"{line}\n")
        (self.folder / "checkpoint").mkdir(exist_ok=True)
        (self.folder / CHECKPOINT).write_text(f"after {line}")

    @property
    def stands(self) -> tuple[list[str], str]:
        record, checkpoint = self.folder / "record.jsonl", self.folder / CHECKPOINT
        return record.read_text().split(), checkpoint.read_text() if checkpoint.exists() else ""


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(f"file://{tmp_path}/place")


@pytest.fixture
def here(tmp_path: Path, bucket: Bucket) -> Machine:
    return Machine(tmp_path / "here", bucket)


@pytest.fixture
def there(tmp_path: Path, bucket: Bucket) -> Machine:
    return Machine(tmp_path / "there", bucket)


def test_another_machine_goes_on_where_one_stood(here: Machine, there: Machine) -> None:
    for line in ("1", "2"):
        here.epoch(line)
        here.mirror.push()
    there.fetch()
    assert there.stands == (["1", "2"], "after 2")
    there.epoch("3")
    there.mirror.push()
    here.fetch()
    assert here.stands == (["1", "2", "3"], "after 3")


def test_what_was_not_sent_stays_on_its_machine_and_is_sent_later(here: Machine, there: Machine) -> None:
    here.epoch("1")
    here.mirror.push()
    here.epoch("2")
    here.fetch()
    assert here.stands == (["1", "2"], "after 2")
    here.mirror.push()
    there.fetch()
    assert there.stands == (["1", "2"], "after 2")


def test_of_two_ways_on_the_one_in_the_bucket_counts(here: Machine, there: Machine) -> None:
    here.epoch("1")
    here.mirror.push()
    there.fetch()
    here.epoch("2-here")
    there.epoch("2-there")
    there.mirror.push()
    with pytest.raises(Changed):
        here.mirror.push()
    here.fetch()
    assert here.stands == (["1", "2-there"], "after 2-there")


def test_a_checkpoint_of_the_way_that_was_given_up_goes_with_it(here: Machine, there: Machine) -> None:
    here.epoch("1")
    here.mirror.push()
    there.fetch()
    here.epoch("2-here")
    there.epoch("2-there")
    there.mirror.push(["record.jsonl"])  # killed before it sent its checkpoint
    here.fetch()
    assert here.stands == (["1", "2-there"], "after 1")


def test_a_kill_after_a_file_was_sent_and_before_that_was_noted(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    here.epoch("1")
    here.mirror.push()
    for sent in (1, 2):
        here.epoch(f"{sent + 1}")
        _push_and_die(here, sent, monkeypatch)
        expected = here.stands
        here.fetch()
        assert here.stands == expected
        here.mirror.push()
    assert here.mirror.bucket.content("trials/a/record.jsonl") == b"1\n2\n3\n"
    assert here.mirror.bucket.content(f"trials/a/{CHECKPOINT}") == b"after 3"


def _push_and_die(machine: Machine, files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send so many files, and die before the last of them is noted."""
    before, left = read_table(machine.folder), [files]
    upload = Bucket.upload

    def dying(self: Bucket, *arguments: object) -> str:
        version = upload(self, *arguments)  # type: ignore[arg-type]
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return version

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "upload", dying)
        with pytest.raises(KeyboardInterrupt):
            machine.mirror.push()
    assert read_table(machine.folder).keys() == before.keys()


def test_large_files_come_when_they_are_asked_for(here: Machine, there: Machine) -> None:
    (here.folder / "states").mkdir()
    (here.folder / "states" / "00.safetensors").write_text("network")
    here.epoch("1")
    here.mirror.push()
    there.fetch()
    file = there.folder / "states" / "00.safetensors"
    assert not file.exists()
    assert there.mirror.has("states/00.safetensors")
    assert there.mirror.fetch("states/00.safetensors")
    assert file.read_text() == "network"
    assert not there.mirror.fetch("states/01.safetensors")


def test_what_was_removed_in_the_bucket_goes_here(here: Machine, there: Machine) -> None:
    here.epoch("1")
    here.mirror.push()
    there.fetch()
    here.mirror.remove(CHECKPOINT)
    there.fetch()
    assert there.stands == (["1"], "")


def test_a_file_that_did_not_change_is_not_sent_again(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    here.epoch("1")
    here.mirror.push()
    monkeypatch.setattr(Bucket, "upload", lambda *arguments: pytest.fail(f"sent {arguments[2]}"))
    here.mirror.push()
    assert not here.mirror.is_pending(["record.jsonl", CHECKPOINT])


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PRUNETUNE_CACHE", str(tmp_path / "cache"))
    return f"file://{tmp_path}/place"


def test_a_working_copy_knows_its_url(url: str, tmp_path: Path) -> None:
    run = opened_copies(url) / "small"
    assert url_of(run) == f"{url}/small"
    assert url_of(run / "trials" / "a") == f"{url}/small/trials/a"
    assert url_of(tmp_path / "runs" / "small") is None
    assert copies_folder(f"{url}/") == copies_folder(url)
    assert copies_folder("s3://b/runs") != copies_folder("s3://b/runs2")


def test_a_path_of_another_machine_is_found_on_this_one(url: str) -> None:
    here = opened_copies(url) / "small" / "trials" / "a" / "states" / "00.safetensors"
    other = Path("/elsewhere/runs", *here.relative_to(copies_folder(url).parent).parts)
    assert on_this_machine(other) == here
    assert on_this_machine(Path("/elsewhere/x")) == Path("/elsewhere/x")


def run_at(url: str) -> RunMirror:
    found = RunMirror.of(opened_copies(url) / "small")
    assert found is not None
    return found


def test_a_run_comes_whole_but_for_what_is_large(url: str) -> None:
    bucket = Bucket(f"{url}/small")
    names = ("study.yaml", "manifest.json", "generation", "trials/a/trial.json", "trials/a/record.jsonl")
    large = ("trials/a/states/00.safetensors", "trials/a/checkpoint/latest.safetensors", "report/index.html")
    nested = ("state0/study.yaml", "state0/trials/b/record.jsonl")
    for name in (*names, *large, *nested):
        bucket.write(name, f"{name}\n".encode())
    bucket.write("generation", b"1\n")
    run = run_at(url)
    run.update()
    here = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    assert {name for name in here if ".mirror" not in name} == {*names, *nested}
    state = run.folder / large[0]
    assert is_there(state)
    assert fetched(state).read_text() == f"{large[0]}\n"
    remove(state)
    assert not is_there(state)
    assert bucket.look(large[0]) is None
    bucket.delete("trials/a/trial.json", "trials/a/record.jsonl", large[1])
    run.update()
    assert not (run.folder / "trials" / "a" / "record.jsonl").exists()


def test_each_launch_has_a_number_of_its_own_whatever_machine_begins_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_at(url).begin_launch() == 1
    monkeypatch.setenv("PRUNETUNE_CACHE", str(tmp_path / "other"))
    assert run_at(url).begin_launch() == 2
    monkeypatch.setenv("PRUNETUNE_CACHE", str(tmp_path / "cache"))
    first = run_at(url)
    with pytest.raises(Fenced, match="launch 1 is over, launch 2 drives the run now"):
        first.check_generation(1)
    assert read_generation(first.folder) == 2
    first.check_generation(2)


def test_a_trial_that_is_set_aside_moves_in_the_bucket(url: str) -> None:
    run = run_at(url)
    name = uuid.uuid4().hex
    run.bucket.write("trials/a/states/00", name.encode())
    run.set_aside(run.folder / "trials" / "a", run.folder / "superseded" / "a--b")
    assert run.bucket.list().keys() == {"superseded/a--b/states/00"}
    assert run.bucket.content("superseded/a--b/states/00") == name.encode()
