"""fastText classifiers: their file format, how they score a text, and how one is trained.

The modules, starting from the file:

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

It is a reimplementation because of faults in today's fastText packages: under NumPy 2 ``predict`` fails in
some and returns wrong results for batches in others; training initialises only ``thread / 10`` of the matrix;
each worker reads the whole file, 2.4 GB for DCLM's classifier, into its own memory. Here the matrices are
mapped, so that all workers of a machine share one copy, and training gives the same bytes every time. Model
files can be exchanged between this package and the library in both directions.
"""
