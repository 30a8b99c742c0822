"""Go source in, Binary out."""
