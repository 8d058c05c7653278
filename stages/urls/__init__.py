"""Whose pages a corpus leaves out: lists of domains, of URLs and of patterns."""
