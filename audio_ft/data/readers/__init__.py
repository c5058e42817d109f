"""Read what people have into one table of rows: a file for each layout or format."""
