"""The exit codes of the program; `--help` says what each means."""

OK, FAILED, MISUSED, UNKNOWN, INTERRUPTED = 0, 1, 2, 3, 130
