"""``python -m bot`` and the command ``trimtab``."""

import sys


def main() -> None:
    """Run one command and exit with its code."""
    from bot.cli.app import run_command_line

    sys.exit(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
