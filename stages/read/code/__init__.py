"""Readers of source code: every file of a repository becomes a document or a reject.

Where the trees come from differs (mirrors, archives, folders, rows of tables); what becomes of a file
does not, and is said once:

- ``columns``: what a document of a file has, and the batch being gathered
- ``content``: which bytes are text, and in which encoding
- ``tree``: a repository as files with contents, and the two passes over it
- ``notices``: the files that may state the licence of others, and to which documents they go
- ``about``: what a table says of repositories, and the list of those who want to be left out
- ``packing``: small repositories together in one input

The room knows paths, bytes and git objects. It does not know languages or licences.
"""
