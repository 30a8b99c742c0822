"""Secrets: known values searched for in every encoding, unknown ones by rules. Pure."""
