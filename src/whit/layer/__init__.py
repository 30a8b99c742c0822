"""Tree in, tar bytes out, and back: deterministic when writing, distrustful when reading."""
