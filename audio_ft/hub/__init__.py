"""The Hugging Face Hub: push a run, download and load a model, explain what went wrong."""
