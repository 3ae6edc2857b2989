"""The one way a long piece of work says that it stopped because the user asked for it."""


class Cancelled(Exception):  # noqa: N818 - no error: the user asked for it
    """Raised by work whose `cancel()` answered True; nothing it had begun is kept."""
