"""The plan of a run, frozen before it starts: segments, the parts of each, and what each depends on.

Knows the contracts of stages, fingerprints and the files that stages load; does not run anything.
"""
