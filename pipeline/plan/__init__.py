"""What a run will do, frozen before it starts: segments, the parts of each, and what each depends on.

Knows stages by their contracts, fingerprints and the files that stages load; runs nothing.
"""
