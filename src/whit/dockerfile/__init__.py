"""Dockerfile text in, stages and steps out."""
