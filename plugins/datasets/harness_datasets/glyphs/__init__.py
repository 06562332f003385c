"""A few-shot data set that needs no files: its classes are characters, drawn from fonts."""
