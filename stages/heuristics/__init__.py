"""Drops documents by rules over signals."""
