"""The one shuffle: sorted runs on storage, merged by range of keys; positions of rows, and cuts of tables.

Knows sorted tables; does not know what keys stand for, nor who writes and reads.
"""
