"""Identifies the language of a text."""
