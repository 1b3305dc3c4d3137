"""Recorded runs beside the models that they are of; see `__main__`."""
