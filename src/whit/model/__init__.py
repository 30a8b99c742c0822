"""The nouns: frozen values without any door."""
