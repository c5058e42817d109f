"""Which parts of a recording a prediction rests on, and whether that explanation is better than a random one."""
