"""What is known of a failure before it is decided whether to try again."""

from whit.errors import WhitError


class Temporary(Exception):
    """A failure that another try may mend, after `wait_seconds` where the registry said so.
    `tries` bounds them where each is slow or little hope; 0 leaves it to the patience.
    """

    def __init__(
        self, error: WhitError, wait_seconds: float | None = None, *, tries: int = 0
    ) -> None:
        super().__init__(error.message)
        self.error, self.wait_seconds, self.tries = error, wait_seconds, tries
