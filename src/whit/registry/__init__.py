"""The way out of this machine: image in, receipt out."""
