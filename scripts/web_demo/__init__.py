"""A page to try trained models: what each says of a picture, and why; with a JSON API."""
