"""Values in, text and JSON documents out; nothing else formats."""
