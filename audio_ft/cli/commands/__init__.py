"""The verbs of the command line, one file each: `add_arguments(parser)`, which is cheap, and `run(arguments)`."""
