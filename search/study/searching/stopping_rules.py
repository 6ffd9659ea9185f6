"""Which rules of early stopping there are, by name; a rule is loaded when a trial is to be judged.

A new one is one line here and one class in `search/tuning/stopping/`.
"""

from __future__ import annotations

from models.own_parts import OwnPart, Registry, wrong_part

NOTHING = "none"
RULES = "search.tuning.stopping"


def _own_rule(part: OwnPart) -> OwnPart:
    if callable(part.value) or callable(getattr(part.value, "keeps", None)):
        return part
    raise wrong_part(
        "scheduler.kind",
        part,
        "a function (trial, rivals, removed_percent) -> bool, or a class with such a method `keeps`",
    )


STOPPING_RULES: Registry[str | OwnPart] = Registry("schedulers", "scheduler.kind", _own_rule)
"""Name → the class that judges, as `module:Class`, or a user's own part; in the order of registration."""
STOPPING_RULES.register("asha", f"{RULES}.halving:Halving")
STOPPING_RULES.register("hyperband", f"{RULES}.halving:Halving")
STOPPING_RULES.register("median", f"{RULES}.median:Median")
STOPPING_RULES.register(NOTHING, "")
