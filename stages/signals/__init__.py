"""Every quantity that published heuristic rule sets judge by, measured in one pass (``table.SIGNALS``)."""

from stages.signals.measuring import measure

__all__ = ["measure"]
