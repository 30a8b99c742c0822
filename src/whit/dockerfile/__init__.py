"""Dockerfile text in, a frozen graph of stages and steps out; what each step does to the config.

The rule of the room: nothing here runs, reads or copies anything. `graph` says how it is used.
"""
