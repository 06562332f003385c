"""Shows results: tables in every format, pictures, and the page."""
