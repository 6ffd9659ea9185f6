"""Signs in a state's own names that part of a network is missing, for files that do not say which network they are."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

BLOCK = re.compile(r"^(blocks|layer\d+)\.(\d+)\.(.+)$")
# First components by which a network's own names are recognised.
ROOTS = ("patch_embed", "blocks", "cls_token", "pos_embed", "conv1", "layer1", "stages", "stem")
ATTENTION = "attn.qkv.weight"
FINAL_NORMS = ("norm.weight", "fc_norm.weight")


def incompleteness(names: Iterable[str]) -> tuple[str, ...]:
    """One line per finding: a prefix before every name, a gap between blocks, a block poorer than its fellows,
    a transformer without patch embedding or final norm. A cut after the last kept block cannot be seen from names.
    """
    present = list(names)
    prefix = foreign_prefix(present)
    if prefix:
        return (f"every tensor name starts with {prefix!r}; save it without that",)
    families: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name in present:
        match = BLOCK.match(name)
        if match:
            families[match.group(1)][int(match.group(2))].add(match.group(3))
    findings = [finding for family, blocks in families.items() for finding in _family_findings(family, blocks)]
    if _is_transformer(families.get("blocks", {})):
        if not any(name.startswith("patch_embed.") for name in present):
            findings.append("the patch embedding is missing")
        if not any(name in FINAL_NORMS for name in present):
            findings.append(f"the final norm is missing (neither {' nor '.join(FINAL_NORMS)})")
    return tuple(findings)


def foreign_prefix(names: list[str]) -> str | None:
    """What stands before every name ("module.", "backbone."), if a network's own names follow it."""
    if not names:
        return None
    pieces = names[0].split(".")
    for cut in range(1, len(pieces)):
        prefix = ".".join(pieces[:cut]) + "."
        if not all(name.startswith(prefix) for name in names):
            return None
        if sum(name.removeprefix(prefix).partition(".")[0] in ROOTS for name in names) * 2 > len(names):
            return prefix
    return None


def _family_findings(family: str, blocks: dict[int, set[str]]) -> list[str]:
    gaps = [f"{family}.{index}" for index in range(max(blocks)) if index not in blocks]
    findings = [f"{', '.join(gaps[:4])} missing, while {family}.{max(blocks)} is there"] if gaps else []
    if not _is_transformer(blocks):
        return findings
    common, _ = Counter(frozenset(own) for own in blocks.values()).most_common(1)[0]
    for index, own in sorted(blocks.items()):
        lacking = sorted(common - own)
        if lacking:
            findings.append(f"{family}.{index} lacks {', '.join(lacking[:4])}, which the other blocks have")
    return findings


def _is_transformer(blocks: dict[int, set[str]]) -> bool:
    return 2 * sum(ATTENTION in own for own in blocks.values()) > len(blocks)
