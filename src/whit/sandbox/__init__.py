"""A prepared root file system and a request in, an Outcome out: programs run by an OCI runtime.

    spec      RunRequest + HostFacts -> the runtime's document (pure)
    document  that document's shape (pure)
    accounts  passwd and group bytes -> user (pure)
    rootfs    layers -> a private root file system (door)
    runtime   finds crun or runc, runs, forwards signals, leaves nothing behind (door)
    ports     published ports (door)
    doctor    what this host can do (door)

The image's own tree is never run: every run gets a copy that dies with it.
"""
