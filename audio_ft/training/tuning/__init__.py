"""Search for the settings of a training: which are tried, how each is judged, and the record of all of them."""
