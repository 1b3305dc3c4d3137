"""What a person runs besides train and eval."""
