"""Providers: where the files that a plan asks for come from."""
