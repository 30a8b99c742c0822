"""Bytes in, digests out: blobs and images that stay, and the steps that need no doing again."""
