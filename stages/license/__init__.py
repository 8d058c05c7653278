"""The licence of every file, and which files are kept by it: the stages ``license`` and ``license_filter``.

Knows columns of documents. What texts say and which statement counts is in ``stages.licenses``.
"""
