"""The quality of documents, as judged by several models.

A primer. Quality cannot be read off a text; a model is trained to distinguish good documents from ordinary
ones, and "good" is defined by its training data. Two kinds are in use:

- A *fastText classifier* (``fasttext``) is the mean of a vector for each word and each pair of words, and one
  layer on top: thousands of documents a second on one core. DCLM's distinguishes instructions and
  explanations (OpenHermes, ELI5) from the web at large (arXiv 2406.11794).
- A *regressor* (``regressor``) is a small transformer with one output, trained on grades that a large model
  gave: FineWeb-Edu's, and those of Nemotron-CC. It reads the first 512 tokens and is best run on a GPU.

They seldom agree: of the documents that FineWeb-Edu's or DCLM's classifier considers good, both agree on a
tenth (Nemotron-CC, arXiv 2412.02595, table 8). So each classifier *measures*, in its own column
``quality.<name>``, and the *ensemble* (``ensemble``) puts the scores on one scale by quantiles: a document's
rank, 0 to 19, is the best that any classifier gives it, and ranges of ranks have labels from ``low`` to
``high``. Nothing here drops a document; a dataset's ``where`` or a rule does so by these columns.
"""
