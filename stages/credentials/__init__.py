"""What keys, tokens and passwords look like, for all that look for them: in prose, and in code.

``forms`` has what issuers print, ``values`` tells what was drawn at random from what only calls itself a
secret. Knows single values. Does not know where in a text they are looked for, nor what becomes of them.
"""
