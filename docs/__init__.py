"""Scripts that write what the documentation takes from the code and from a run of the sample."""
