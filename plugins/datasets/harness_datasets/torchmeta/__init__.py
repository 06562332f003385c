"""torchmeta's data sets: its classes and images, and its way to draw episodes from them."""
