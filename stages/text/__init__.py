"""What several rooms need to look into texts: their UTF-8, and classes of characters.

Knows characters and bytes. Does not know documents, nor what texts are looked at for.
"""
