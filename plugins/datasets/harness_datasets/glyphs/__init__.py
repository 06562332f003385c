"""Characters as classes, drawn from fonts: a few-shot data set that is always at hand."""
