"""Files as stages read them: random access, the members of compressed files, lines, JSON Lines.

Knows bytes, compression and line ends. Does not know storage, formats of corpora, or what a line says.
"""
