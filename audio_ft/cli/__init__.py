"""The command line: one file a command in `commands/`, and what the commands share beside it."""
