"""Deduplication: which documents say the same, and which of them stays."""
