"""A saved model and audio in, predictions out: batching, long recordings and output formats."""
