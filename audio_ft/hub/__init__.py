"""The Hugging Face Hub: push a run, download and load a model, and say clearly what went wrong."""
