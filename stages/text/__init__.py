"""What several packages need to read texts: their UTF-8, and classes of characters.

Knows characters and bytes. Does not know documents, nor why texts are read.
"""
