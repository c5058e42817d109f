"""Read label tracks: files that say what is where in a recording, a file for each format."""
