"""The names that people import. Nothing lives here."""
