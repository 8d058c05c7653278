"""HTML to text. ``stage`` is the pipeline's step around it; this is what others call."""

from stages.render.blocks import Block
from stages.render.text import Rendered, render

__all__ = ["Block", "Rendered", "render"]
