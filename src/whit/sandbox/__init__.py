"""An image's root file system and a command in, an exit status out."""
