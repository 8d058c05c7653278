"""Which documents go, by rules over signals."""
