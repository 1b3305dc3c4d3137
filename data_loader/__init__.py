"""Posts on disk and on their way to a model: text, vocabulary, contexts, features, batches."""
