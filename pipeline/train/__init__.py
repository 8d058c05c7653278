"""``nanocorpus train``: a text classifier of the user's own, for the quality stages.

Knows training files and the settings of a classifier; does not know runs.
"""
