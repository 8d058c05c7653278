"""What is done to files of source code: languages, signals, notebooks, secrets, order in a repository.

Knows columns of files and what programs look like. Does not know repositories' storage, nor licences.
"""
