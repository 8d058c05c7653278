"""Neural quality regressors: BERT encoders with one output, from a local directory or the hub."""
