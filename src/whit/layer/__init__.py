"""Tree in, tar bytes out, and back: written the same on any machine, read as if it were hostile."""
