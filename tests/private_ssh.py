"""A git host by ssh: OpenSSH's own server, one process for each connection, and an agent that
alone knows the key.
"""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER = "/usr/sbin/sshd"
CONFIG = """HostKey {place}/host
AuthorizedKeysFile {place}/user.pub
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
LogLevel VERBOSE
"""


class SshHost:
    """`agent` is the socket of the agent, `command` how git is to call ssh, `url` the place of
    repositories; `log` says who came.
    """

    def __init__(self, place: Path, port: int, root: Path) -> None:
        self.port = str(port)
        self.url = f"ssh://127.0.0.1:{port}{root}/"
        self.agent = str(place / "agent")
        self.command = (
            f"ssh -F none -o BatchMode=yes -o UserKnownHostsFile={place}/known"
            f" -o StrictHostKeyChecking=yes -l {os.environ.get('USER') or 'root'}"
        )
        self._log = place / "log"

    @property
    def log(self) -> str:
        return self._log.read_text()


@contextmanager
def private_ssh(place: Path, library: Path) -> Iterator[SshHost]:
    """Serve the module to whoever has the key."""
    place.mkdir()
    root = library.parents[1]
    for name in ("host", "user"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", place / name]
        subprocess.run(keygen, check=True)
    (place / "config").write_text(CONFIG.format(place=place))
    (place / "log").touch()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it looks at what others sent
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        host = SshHost(place, port, root)
        key = (place / "host.pub").read_text()
        (place / "known").write_text(f"[127.0.0.1]:{port} {key}")
        threading.Thread(target=_serve, args=(listener, place), daemon=True).start()
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", host.agent], stdout=subprocess.DEVNULL)
        try:
            while not os.path.exists(host.agent):
                assert agent.poll() is None
                time.sleep(0.01)
            add = ["ssh-add", "-q", str(place / "user")]
            subprocess.run(add, env={**os.environ, "SSH_AUTH_SOCK": host.agent}, check=True)
            (place / "user").unlink()
            yield host
        finally:
            agent.terminate()
            agent.wait()


def _serve(listener: socket.socket, place: Path) -> None:
    """As inetd would: no port is chosen twice, and nothing is left running."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, (place / "log").open("ab") as log:
            subprocess.run(
                [SERVER, "-i", "-e", "-f", str(place / "config")],
                stdin=connection, stdout=connection, stderr=log, check=False,
            )  # fmt: skip
