"""Models, their losses and their decoding; knows nothing of data on disk."""
