"""The figures of `scripts.gallery`, one file each."""
