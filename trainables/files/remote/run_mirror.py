"""A run in a bucket and its working copy on this machine: the run's own files, and each trial's, mirrored by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from models import atomic
from models.errors import UserError
from trainables.files.generation import GENERATION_FILE, Fenced, read_generation
from trainables.files.remote.address import url_of
from trainables.files.remote.bucket import Bucket, Entry
from trainables.files.remote.errors import Changed
from trainables.files.remote.mirror import EVENTS, STUDY_FILE, Mirror, is_lazy


class RunMirror:
    """Use `RunMirror.of`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.bucket = folder, Bucket(url)

    @classmethod
    def of(cls, folder: Path) -> RunMirror | None:
        """Of the run whose working copy is this folder; None for a run that is in no bucket."""
        url = url_of(folder)
        return None if url is None else cls(folder, url)

    @property
    def own(self) -> Mirror:
        """The run's own files."""
        return Mirror(self.folder, self.bucket)

    def trial(self, folder: Path) -> Mirror:
        """Of one of its trials; of a trial that `prunetune trial` runs by itself, which is a run of its own, all of it."""
        if folder == self.folder:
            return self.own
        return Mirror(folder, self.bucket, folder.relative_to(self.folder).as_posix())

    def update(self, *, events: bool = False) -> None:
        """Make the working copy as the bucket is, but for what is large and read seldom; `events`: TensorBoard's files, too."""
        wanted = _with_events if events else _eager
        parts = by_part(self.bucket.list())
        for part in sorted(parts.keys() | set(self._local_parts())):
            mirror = Mirror(self.folder / part, self.bucket, part) if part else self.own
            mirror.update(parts.get(part, {}), wanted)

    def begin_launch(self, after: int = 0) -> int:
        """A launch's number, in the bucket before it counts here; as `next_generation`. The caller holds the run."""
        found = self.bucket.read(GENERATION_FILE)
        number = max(after, read_generation(self.folder), 0 if found is None else self._number(found[0])) + 1
        try:
            self.bucket.write(GENERATION_FILE, f"{number}\n".encode(), None if found is None else found[1])
        except Changed:
            raise Fenced(f"{self.bucket}: another launch has begun at this moment") from None
        self.note_generation(number)
        return number

    def check_generation(self, number: int) -> None:
        """Raises Fenced where the run has had another launch since this one; then no process here writes for it any more."""
        content = self.bucket.content(GENERATION_FILE)
        current = 0 if content is None else self._number(content)
        if current > number:
            self.note_generation(current)
            raise Fenced(f"{self.bucket}: launch {number} is over, launch {current} drives the run now")

    def fetch_study(self) -> None:
        """By its study file a folder is known as a run's."""
        path = self.folder / STUDY_FILE
        if not path.exists() and (content := self.bucket.content(STUDY_FILE)) is not None:
            atomic.write_bytes(path, content)

    def set_aside(self, folder: Path, to: Path) -> None:
        """A trial's objects to another name, as its folder is being moved on this machine."""
        source, target = (one.relative_to(self.folder).as_posix() for one in (folder, to))
        for name in self.bucket.list(source):
            found = self.bucket.read(name)
            if found is not None:
                self.bucket.write(f"{target}/{name.removeprefix(f'{source}/')}", found[0])
                self.bucket.delete(name)

    def _number(self, content: bytes) -> int:
        if not content.strip().isdigit():
            raise UserError(
                f"{self.bucket}/{GENERATION_FILE}: damaged (a launch's number is expected, found {repr(content[:30])[1:]}); "
                "write into it a number no smaller than any launch's before (each `generation` in manifest.json)"
            )
        return int(content)

    def note_generation(self, number: int) -> None:
        """Here, unless a later one is known."""
        if read_generation(self.folder) < number:
            atomic.write_text(self.folder / GENERATION_FILE, f"{number}\n")

    def _local_parts(self) -> Iterator[str]:
        for pattern in ("trials/*", "*/trials/*"):
            for folder in self.folder.glob(pattern):
                if folder.is_dir():
                    yield folder.relative_to(self.folder).as_posix()


@dataclass(frozen=True)
class BucketFence:
    """Lets a launch write until the bucket says that its run has had another."""

    mirror: RunMirror
    generation: int

    def __call__(self) -> None:
        self.mirror.check_generation(self.generation)


def by_part(entries: Mapping[str, Entry]) -> dict[str, dict[str, Entry]]:
    """Part → name within it → entry. A part is a trial's folder, or that of a run within the run; the run's own is ``""``."""
    runs = [
        name.removesuffix(f"/{STUDY_FILE}")
        for name in entries
        if name.endswith(f"/{STUDY_FILE}") and name.count("/") == 1
    ]
    parts: dict[str, dict[str, Entry]] = {"": {}}
    for name, entry in entries.items():
        part = _part_of(PurePosixPath(name).parts, runs)
        parts.setdefault(part, {})[name.removeprefix(f"{part}/") if part else name] = entry
    return parts


def _part_of(pieces: tuple[str, ...], runs: list[str]) -> str:
    start = 1 if pieces[0] in runs else 0
    if pieces[start : start + 1] == ("trials",) and len(pieces) > start + 2:
        return "/".join(pieces[: start + 2])
    return pieces[0] if start else ""


def _eager(name: str) -> bool:
    return not is_lazy(name)


def _with_events(name: str) -> bool:
    return not is_lazy(name) or PurePosixPath(name).name.startswith(EVENTS)
