"""Failures that keep a service from starting or running."""


class StartupError(Exception):
    """Tells the person who starts the service what is wrong. Printed without a traceback."""
