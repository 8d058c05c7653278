"""The blend: how much of each dataset a training phase takes (``weights``), and a reader of it (``reader``).

Knows shards, tokens and ranks; does not know how shards are made.
"""

from pipeline.blend.reader import BlendedReader

__all__ = ["BlendedReader"]
