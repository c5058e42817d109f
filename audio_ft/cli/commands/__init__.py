"""The commands, a file each: help in its first line, `EPILOG`, a cheap `add_arguments(parser)`, `run(arguments)`."""
