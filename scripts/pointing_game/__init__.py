"""Do a model's maps of words lie where people drew boxes around what the words name?"""
