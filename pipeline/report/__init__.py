"""What a run says of itself: tables, ``stats.json``, the dataset card, the accounts of runs that failed.

Knows states of groups and what is in ``stats.json``; does not know how a run goes, nor who writes the files.
"""
