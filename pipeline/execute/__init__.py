"""Where tasks run: in this process, in a child process that may die, or on Ray.

Knows processes, memory and deaths; does not know what a task computes, nor what follows from a failure.
"""
