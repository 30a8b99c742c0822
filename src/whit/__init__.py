"""whit: the smallest container image that provably runs your Go program."""

__version__ = "0.1.0"
