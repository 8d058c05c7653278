"""Leaves out pages by lists of domains, of URLs and of patterns."""
