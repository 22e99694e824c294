"""What stops a command and can be mended by the person at the keyboard."""


class Trouble(Exception):
    """Says in whole sentences what is wrong and what to do about it; shown to people as it is."""
