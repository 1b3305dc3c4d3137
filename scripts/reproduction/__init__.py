"""What `python -m scripts.reproduce` is made of: the tables as data, a plan, a runner, results."""
