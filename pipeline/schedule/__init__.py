"""What is to be done and in which order: groups of tasks, the rounds of global stages, and the driver's loop.

Knows what depends on what, and what follows from failures; does not know what a task computes or where.
"""
