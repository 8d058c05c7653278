"""How good a document is, in the opinion of several models.

A primer. No text carries its quality; a model is trained to tell good documents from ordinary ones, and
"good" is what its trainers put on one side. Two kinds are in use:

- A *fastText classifier* (``fasttext``) is the mean of a vector for each word and each pair of words, and one
  layer on top: thousands of documents a second on one core. DCLM's tells instructions and explanations
  (OpenHermes, ELI5) from the web at large (arXiv 2406.11794).
- A *regressor* (``regressor``) is a small transformer with one output, trained on grades that a large model
  gave: FineWeb-Edu's, and those of Nemotron-CC. It reads the first 512 tokens and wants a GPU.

They agree on little: of what FineWeb-Edu's or DCLM's classifier holds for good, both do so for a tenth
(Nemotron-CC, arXiv 2412.02595, table 8). So each of them *measures*, one column ``quality.<name>``, and the
*ensemble* (``ensemble``) puts them on one scale, by quantiles: the ranks 0 to 19, of which a document has the
best that any of them gives it, and labels from ``low`` to ``high`` for ranges of ranks. Nothing here drops a
document; a dataset's ``where`` does, or a rule, by these columns.
"""
