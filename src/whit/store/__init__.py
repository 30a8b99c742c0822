"""Content-addressed blobs on disk, shared by many processes."""
