"""``python -m pipeline`` is the ``nanocorpus`` command."""

from pipeline.cli import main

main()
