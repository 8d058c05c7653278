"""What licence a text states, and what the licences of a repository mean for its files.

Pure Python on data of SPDX: names of files that may state a licence (``names``), groups of licences
(``groups``), expressions (``expressions``), texts of licences (``texts``, ``match``), what a sentence or a
header says (``phrases``), manifests (``manifests``), and which statement counts for a file (``resolve``).

Knows texts and paths. Does not know documents, batches or Git. What it finds is what a text says, not legal
advice.
"""
