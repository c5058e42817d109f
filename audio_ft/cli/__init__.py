"""The command line: a file for each command in `commands/`, and beside it what commands share."""
