"""All quantities that published heuristic rule sets use, measured in one pass (``table.SIGNALS``)."""

from stages.signals.measuring import measure

__all__ = ["measure"]
