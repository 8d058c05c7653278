"""The config file: read, checked before any work, and every mistake reported with its file and line.

Knows datasets, settings of stages and limits; does not know inputs, outputs or how a run works.
"""
