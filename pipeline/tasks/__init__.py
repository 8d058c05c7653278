"""Tasks: one part through a segment, one range of keys of a round, one shard.

Knows the contracts of stages, batches and the files of a task; does not know plans, other tasks or executors.
"""
