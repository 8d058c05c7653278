"""The blend: how many tokens of each dataset a training phase takes, and a reader for training.

Knows shards, tokens and ranks; does not know how shards are made. ``weights`` computes ``blend.json``,
``reader`` reads the corpus accordingly.
"""

from pipeline.blend.reader import BlendedReader

__all__ = ["BlendedReader"]
