"""The driver: groups of tasks, the rounds of global stages, and the loop that runs them in order.

Knows what depends on what, and what follows from failures; does not know what a task computes or where.
"""
