"""Image in, Verdict out."""
