"""Stages: what happens to documents. Nothing here knows Ray, parts or other stages."""
