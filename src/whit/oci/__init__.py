"""Layers and a config in, an Image out: canonical documents, checked, laid out on disk."""
