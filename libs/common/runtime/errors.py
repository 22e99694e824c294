"""What keeps a service from starting or running."""


class StartupError(Exception):
    """A whole sentence for the person who starts the service; it is printed without a traceback."""
