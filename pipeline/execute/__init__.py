"""Executors: tasks run in this process, in a child process that may die, or on Ray.

Knows processes and memory, and notices when a process dies; does not know what a task computes, nor what
follows from a failure.
"""
