"""Tables: what each column is, and the target in it."""
