"""What rules for source code look at: measured once, without a threshold.

Knows text and the language of a file. Does not know what becomes of a file: rule files say that.
"""
