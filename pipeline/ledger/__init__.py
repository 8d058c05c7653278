"""The ledger: which parts are done, how they are published, and which files of an output belong to the run.

Knows names, counts, checksums and the commit protocol; does not know what parts compute, nor when.
"""
