"""The corridor: the only package that knows the order of the rooms."""
