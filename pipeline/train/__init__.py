"""``nanocorpus train``: trains a text classifier for the quality stages from a user's own documents.

Knows training files and the settings of a classifier; does not know runs.
"""
