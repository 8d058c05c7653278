"""What several packages need to read texts: their UTF-8, classes of characters, and
the numbering of words.

Knows characters and bytes. Does not know documents, nor why texts are read.
"""
