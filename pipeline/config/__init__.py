"""The config file: YAML with the place of every value, checked before any work; every mistake is answered.

Knows datasets, stages' settings and limits; does not know inputs, outputs or how a run goes.
"""
