"""What is known of a failure before it is decided whether to try again."""

from whit.errors import WhitError


class Temporary(Exception):
    """A failure that another try may mend, after `wait_seconds` where the registry said so; `few`
    tries where nobody is there at all.
    """

    def __init__(
        self, error: WhitError, wait_seconds: float | None = None, *, few: bool = False
    ) -> None:
        super().__init__(error.message)
        self.error, self.wait_seconds, self.few = error, wait_seconds, few
