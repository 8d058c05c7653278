"""Source code as documents: its language, what rules look at, and what is taken out of it.

Knows files of repositories, one row each. Does not know how repositories are read, nor licences.
"""
