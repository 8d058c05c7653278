"""fastText classifiers: their file format, what they make of a text, and how one is trained.

The modules, from the file on:

    format.py    a model as it lies in a file: settings, dictionary, two matrices
    kernels.py   the loops of scoring: from a text to rows of the matrix, from rows to probabilities
    descent.py   the loops of training
    intrinsics.py  what LLVM can do and Numba does not offer
    predict.py   texts to probabilities
    library.py   the same by the fastText library
    backends.py  which of the two
    train.py     labelled texts to a model
    metrics.py   how good a classifier is on documents that it was not trained on

The stages on top are ``language`` and, in ``quality``, ``fasttext``.

It is a reimplementation because of what the packages of that name do today: under NumPy 2 ``predict`` of
some fails and that of others answers wrong for batches; training initialises only ``thread / 10`` of the
matrix; each worker reads the whole file, 2.4 GB for DCLM's classifier, into memory of its own. Here the
matrices are mapped, so that all workers of a machine share one copy, and training gives the same bytes
every time. Files go both ways between this package and the library.
"""
