"""A model that other people use: an answer to one recording that they send, the demo, a Space, and the server."""
