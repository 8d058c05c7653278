"""What is done and whose it is: receipts, how they are published, and which files of an output are the run's.

Knows names, counts, checksums and the commit protocol; does not know what parts compute, nor when.
"""
