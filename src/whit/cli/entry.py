"""The command `whit`: until there is somebody to tell it nicely, Ctrl-C just ends the process.

Importing the command line takes a tenth of a second, in which Python would answer a signal with a
traceback.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    from whit.cli.main import main as run_whit

    run_whit()


if __name__ == "__main__":
    main()
