"""Kinds of unit that lie across a network's blocks: its width, the width of queries and keys, its depth."""
