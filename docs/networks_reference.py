"""The tables of the page on networks, made by building each example and asking what of it can be cut.

`python docs/networks_reference.py` renews them. Nothing is downloaded: networks are built without weights.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import timm

from models.errors import UserError
from models.networks.shapes_only import shapes_only
from models.targets import UNKNOWN, fitting_target, reach_of
from models.units.across.registry import why_not_across
from models.units.describe import describe
from models.units.reach import LeftWhole, Reach
from models.units.structure import ACROSS, Kind

EXAMPLES: dict[str, tuple[str, ...]] = {
    "ViT, DeiT, DINOv2": ("vit_small_patch16_224", "vit_small_patch14_dinov2", "deit_tiny_patch16_224"),
    "SigLIP": ("vit_base_patch16_siglip_224",),
    "ViT behind a ResNet": ("vit_base_r50_s16_224", "vit_tiny_r_s16_p8_224"),
    "PiT": ("pit_ti_224",),
    "CrossViT": ("crossvit_9_240",),
    "MobileViT": ("mobilevit_xxs",),
    "CSATv2": ("csatv2",),
    "Swin": ("swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "swinv2_cr_tiny_224"),
    "BEiT": ("beit_base_patch16_224",),
    "EVA-02, DINOv3, rotary positions": (
        "eva02_tiny_patch14_224",
        "eva02_base_patch14_224",
        "vit_small_patch16_dinov3",
        "vit_small_patch16_rope_mixed_224",
        "naflexvit_base_patch16_parfac_gap",
    ),
    "ViT with relative positions": ("vit_relpos_small_patch16_224",),
    "SAM": ("samvit_base_patch16", "sam2_hiera_tiny"),
    "CaiT, XCiT": ("cait_xxs24_224", "xcit_nano_12_p8_224"),
    "ConViT": ("convit_tiny",),
    "CoaT": ("coat_tiny",),
    "MaxViT": ("maxvit_tiny_tf_224",),
    "VOLO": ("volo_d1_224",),
    "Twins": ("twins_svt_small",),
    "TNT": ("tnt_s_legacy_patch16_224",),
    "NesT": ("nest_tiny",),
    "Hiera": ("hiera_tiny_224",),
    "MViTv2": ("mvitv2_tiny",),
    "DaViT": ("davit_tiny",),
    "GCViT": ("gcvit_tiny",),
    "EdgeNeXt": ("edgenext_xx_small",),
    "EfficientFormer": ("efficientformer_l1", "efficientformerv2_s0"),
    "CAFormer, PoolFormer": ("caformer_s18", "poolformer_s12"),
    "FocalNet": ("focalnet_tiny_srf",),
    "Sequencer": ("sequencer2d_s",),
    "ConvNeXt": ("convnext_tiny", "convnextv2_atto"),
    "ViTamin": ("vitamin_small_224",),
    "ResMLP, MLP-Mixer, gMLP": ("resmlp_12_224", "mixer_s16_224", "gmixer_12_224", "gmlp_ti16_224"),
    "ResNet": ("resnet18", "resnet50", "seresnet50", "resnet50_gn", "resnetv2_50", "legacy_seresnet50"),
    "ResNet with BlurPool": ("resnetblur18", "resnetblur50"),
    "ResNeXt, RegNet": ("resnext50_32x4d", "seresnext50_32x4d", "regnetx_002", "regnety_002", "res2net50_26w_4s"),
    "HRNet": ("hrnet_w18_small",),
    "MobileNet, EfficientNet": (
        "mobilenetv2_100",
        "mobilenetv3_small_050",
        "mobilenetv4_conv_small",
        "efficientnet_b0",
        "tf_efficientnetv2_b0",
        "mixnet_s",
        "hardcorenas_a",
        "ghostnet_100",
    ),
    "ReXNet": ("rexnet_100",),
    "LeViT": ("levit_128",),
    "Visformer": ("visformer_tiny",),
    "PVTv2": ("pvt_v2_b0",),
    "FastViT": ("fastvit_t8",),
    "EfficientViT": ("efficientvit_m0", "efficientvit_b0"),
    "NextViT": ("nextvit_small",),
    "InceptionNeXt": ("inception_next_atto",),
    "TinyViT": ("tiny_vit_5m_224",),
    "RepViT": ("repvit_m1",),
    "SwiftFormer": ("swiftformer_xs",),
    "DarkNet, CSPNet": ("darknet53", "cspresnet50", "cs3darknet_focus_s"),
    "BYOB networks": ("gernet_s", "repvgg_a0"),
    "DLA": ("dla34", "dla46_c"),
    "Language models' vision": ("deepseek_vit_412m", "qwen3_vit_88m", "gemma4_vit_167m"),
    "ResNeSt, SKNet, TResNet": ("resnest14d", "skresnet18", "tresnet_m"),
    "Attention in a ResNet": ("halonet_h1",),
    "MobileNetV5": ("mobilenetv5_base",),
    "Other networks of convolutions": (
        "convmixer_768_32",
        "cspnext_tiny",
        "dpn48b",
        "efficientvim_m1",
        "cpubone_nano",
        "fasternet_t0",
        "hgnetv2_b0",
        "iformer_t",
        "inception_v3",
        "inception_v4",
        "inception_resnet_v2",
        "lcnetv2_small",
        "legacy_xception",
        "lowformer_b0",
        "mambaout_femto",
        "nasnetalarge",
        "nfnet_f0",
        "pnasnet5large",
        "rdnet_tiny",
        "repghostnet_050",
        "selecsls42",
        "shvit_s1",
        "starnet_s1",
        "vgg11",
        "ese_vovnet19b_dw",
        "xception41",
    ),
    "DenseNet": ("densenet121",),
}
"""By family, timm's names."""

PAGE = Path(__file__).with_name("networks.md")
CUT, WHOLE, WHY = (
    "## Networks that can be cut",
    "## Networks of which nothing can be cut",
    "## Why blocks stay whole",
)
"""Headings of the sections whose tables are made here; all else on the page is written by hand."""


@dataclass(frozen=True)
class Example:
    """A network of a family, how far pruning reaches into it, and which kinds across its blocks it has."""

    family: str
    name: str
    reach: Reach
    across: tuple[Kind, ...]

    @property
    def line(self) -> str:
        """Its row in the table that it belongs to."""
        whole = ", ".join(f"{one.count} `{one.block}` {self._share(one.parameters)}" for one in self.reach.left_whole)
        if not self.reach.prunable:
            return _row(f"`timm:{self.name}`", whole or "–")
        can_go = ", ".join(f"{kind} {self._share(size)}" for kind, size in self.reach.prunable.items())
        target = fitting_target(self.reach.prunable)
        across = ", ".join(self.across)
        return _row(self.family, f"`timm:{self.name}`", f"`{target}`", can_go, across or "–", whole or "–")

    def _share(self, size: int) -> str:
        return f"{100 * size / self.reach.parameters:.1f} %"


def example(family: str, name: str) -> Example:
    with shapes_only():
        model = timm.create_model(name)
    across = tuple(kind for kind in ACROSS if why_not_across(model, kind) is None)
    try:
        return Example(family, name, reach_of(model, describe(model)), across)
    except UserError:
        return Example(family, name, reach_of(model, ()), across)


def renewed(text: str) -> str:
    """The page `text` with its tables made anew."""
    examples = [example(family, name) for family, names in EXAMPLES.items() for name in names]
    rows = {
        CUT: [one.line for one in examples if one.reach.prunable],
        WHOLE: [one.line for one in examples if not one.reach.prunable],
        WHY: reason_lines(block for one in examples for block in one.reach.left_whole),
    }
    for heading, lines in rows.items():
        text = with_rows(text, heading, lines)
    return text


def with_rows(text: str, heading: str, rows: list[str]) -> str:
    """`text` with these rows in the first table below a heading, in place of its own."""
    before, below = text.split(f"\n{heading}\n", 1)
    words, rule, table = re.split(r"(\|[-|]+\|\n)", below, maxsplit=1)
    rest = re.sub(r"\A(\|.*\n)*", "", table)
    lines = "".join(f"{row}\n" for row in rows)
    return f"{before}\n{heading}\n{words}{rule}{lines}{rest}"


def reason_lines(blocks: Iterable[LeftWhole]) -> list[str]:
    """A row for each reason, with the classes that it keeps whole."""
    by_reason: dict[str, set[str]] = defaultdict(set)
    for block in blocks:
        if block.reason != UNKNOWN:
            by_reason[block.reason].add(block.block)
    return [_row(reason, ", ".join(f"`{one}`" for one in sorted(by_reason[reason]))) for reason in sorted(by_reason)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
