"""What all commands share: their parser, their exit codes, and how they complain."""

import argparse
import sys
from typing import NoReturn

OK, FAILED, BAD_INPUT = 0, 1, 2


class Parser(argparse.ArgumentParser):
    """Parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """End with one line that says what is wrong with the command line."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; try '{self.prog} --help'.\n")


def complain(message: str) -> int:
    """Print a message on standard error, on one line; return the exit code of bad input."""
    print(f"spectro: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def complain_of(error: Exception) -> int:
    """Print an error; where it is a list of problems, a line for each."""
    if not hasattr(error, "problems"):
        return complain(str(error))
    print(f"spectro: {error}", file=sys.stderr)
    return BAD_INPUT
