"""HTML to text. ``stage`` is the pipeline's step around it; other callers import from here."""

from stages.render.blocks import Block
from stages.render.text import Rendered, render

__all__ = ["Block", "Rendered", "render"]
