"""Gates: what can be measured of an answer without a model, as columns that rules judge (``accept``).

They see what is wrong on the surface: a figure or a name that the source does not have, an answer about
something else, one that stops in the middle, goes round in circles, refuses or talks about itself. They do
not see an inserted "not", a word in place of another, or what was left out: nothing lexical can.
"""
