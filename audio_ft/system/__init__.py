"""The machine that this process runs on, and the memory that it takes of it."""
