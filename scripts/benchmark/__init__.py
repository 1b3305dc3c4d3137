"""`python -m scripts.benchmark`: how fast the project is, and how near the machine's limit."""
