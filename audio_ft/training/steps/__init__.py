"""The steps of a training: Trainer with our sampler, callbacks and pace."""
