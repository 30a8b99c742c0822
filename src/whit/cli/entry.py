"""The command `whit`: until there is somebody to tell it nicely, Ctrl-C just ends the process.

Importing the command line takes a tenth of a second, in which Python would answer a signal with a
traceback. `signal` itself is Python, and would be the first to be interrupted; this is not. Go can
already work in that time.
"""

import _signal  # type: ignore[import-not-found]  # the stubs leave it out
import sys

_signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def main() -> None:
    import os

    from whit.golang.places import cache_of
    from whit.store.unchanged import recall

    cache = cache_of(os.environ)
    answer = recall(cache, sys.argv[1:])
    if answer is not None and answer.asks:
        from whit.build.asking import still_there

        answer = answer if still_there(answer.asks, cache) else None
    if answer is not None:
        if not {"-q", "--quiet"} & set(sys.argv[1:]):
            sys.stderr.write("".join(f"{line}\n" for line in answer.lines))
        sys.stderr.write("".join(f"{line}\n" for line in answer.warnings))
        sys.stdout.write(f"{answer.reference}\n")
        return
    from whit.golang.headstart import start

    head = start(sys.argv[1:])
    from whit.cli.main import main as run_whit

    run_whit(head)


if __name__ == "__main__":
    main()
