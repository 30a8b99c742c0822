"""Bases made of Debian's packages: mirrors, cache, lock and images. Doors."""
