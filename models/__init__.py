"""Networks: what they are (spec, structure, weights), where their weights come from, and how they are cut."""

from models.save_load import load

__all__ = ["load"]
