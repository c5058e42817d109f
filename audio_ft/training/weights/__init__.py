"""Which weights are trained, and what is done to them: freezing, LoRA, averaging, and mixing with the untuned ones."""
