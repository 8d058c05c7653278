"""Generator of the bundled offline sample. See ``../make_sample.py``."""
