"""Which region of a picture, or frame of a clip, a word of a sentence refers to."""
