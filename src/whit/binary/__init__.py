"""Bytes of a program in, Facts out: what the bytes state, never a guess."""
