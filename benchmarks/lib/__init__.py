"""What several benchmarks share; nothing here is a claim."""
