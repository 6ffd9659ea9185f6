"""The questions that a study can be made for, each with what it answers and the template that asks it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """`title` and `answers` stand in the file's head; `short` is what a terminal offers. `networks` are those that it compares
    whole, where it does: then nothing is pruned, and no other network is chosen."""

    name: str
    short: str
    title: str
    answers: str
    networks: tuple[str, ...] = ()

    @property
    def prunes(self) -> bool:
        return not self.networks

    @property
    def template(self) -> str:
        return f"{self.name}.yaml.j2"

    @property
    def words(self) -> str:
        """As part of a study's name."""
        return self.name.replace("-", "_")


QUESTIONS = {
    one.name: one
    for one in (
        Question(
            "refill-vs-rsst",
            "which method leaves the better small network",
            "RSST against Refill",
            "Answers: pruned alike and trained equally long, which method leaves the better small network, is either better "
            "than removing units at random, and what is lost to a network of which nothing is removed (dense, equal epochs)?",
        ),
        Question(
            "recipe",
            "which recipe prunes best, and is it better than the usual one",
            "A recipe for pruning",
            "Answers: is there a better learning rate, weight decay, augmentation and number of events than the usual ones, at "
            "equal epochs, and is the difference real? dense trains equally long with nothing removed.",
        ),
        Question(
            "budget",
            "how small can the network be",
            "How small can it be",
            "Answers: at 60, 40 and 20 % of the dense network's multiply-accumulates, how much accuracy is lost to the dense "
            "network trained equally long? Each arm is held to its share, so accuracy alone is what a search looks for.",
        ),
        Question(
            "twistnet",
            "is TwistNet-18 better than ResNet-18",
            "TwistNet-18 against ResNet-18",
            "Answers: trained alike, which of the two is the better network for these images? Nothing is pruned: both arms are "
            "dense networks of equal epochs.",
            networks=("twistnet18", "resnet18"),
        ),
    )
}
DEFAULT = "refill-vs-rsst"
