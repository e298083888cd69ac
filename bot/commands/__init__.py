"""Commands of the command line, found by their place: NAME, HELP, add_arguments(parser), run(args) -> int."""
