"""Debian's archive: signed Releases, indexes and packages in, the content of a base out."""
