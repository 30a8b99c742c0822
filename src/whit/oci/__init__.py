"""Layers and config in, Image out: canonical documents, and their form on disk."""
