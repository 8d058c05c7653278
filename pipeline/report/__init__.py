"""Reports: tables for people, ``stats.json``, the dataset card, and the accounts of runs that failed.

Knows states of groups and the content of ``stats.json``; does not know how a run works, nor who writes the
files.
"""
