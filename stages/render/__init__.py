"""HTML to text. ``stage`` is the pipeline's step around it; this is what others call."""

from stages.render.plain import Rendered, render

__all__ = ["Rendered", "render"]
