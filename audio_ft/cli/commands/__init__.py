"""The commands, a file each: `add_arguments(parser)`, which is cheap, `run(arguments)`, and help in its first line."""
