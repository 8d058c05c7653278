"""The exchange: rows sorted by key on storage, and merged again by range of keys.

Knows sorted tables, positions of rows, and where to cut tables; does not know what the keys stand for.
"""
