"""The embedded inference engine: tokens and tensors, nothing of documents."""
