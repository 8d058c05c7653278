"""Documents that a language model writes from given ones: question answering, rephrasing, translation.

Five stages, of which only the second needs a model::

    segments   documents -> requests    pieces that a model can take, one row for each task and language
    complete   requests + completion    the raw answer, its tokens, how it ended
    parse      requests -> items        question-answer pairs, facts, passages; columns ``gate.*`` measured
    accept     items, fewer             rules on ``gate.*``, each drop with a reason and the thing at fault
    assemble   items -> documents       what goes into the corpus, with ``parent``

Answers are stored as they came, so another parser, gate or threshold needs no model. Tasks are Markdown files
(``task``), thresholds a YAML file (``rules.yaml``). Knows prompts and answers; does not know networks, nor
how work is spread over machines.
"""
