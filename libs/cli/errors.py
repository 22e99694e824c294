"""Failures that the person at the keyboard can fix."""


class CliError(Exception):
    """Says in full sentences what is wrong and what to do about it. Printed without a traceback; exit code 1."""
