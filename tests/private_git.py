"""A git host that asks for a password: git's own CGI program behind TLS, on a free port."""

import base64
import http.server
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from certificates import make_certificates

USER = "robot"
LIBRARY = """package lib

// Greeting comes from a module that not everybody may read.
func Greeting() string { return "from a private module" }
"""


def git(*words: str, cwd: Path) -> None:
    env = {
        "PATH": os.environ["PATH"], "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.test",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.test",
        "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    subprocess.run(["git", *words], cwd=cwd, env=env, check=True, capture_output=True)


class Host:
    """A running host. `url` is its address; `denied` and `served` count requests."""

    def __init__(self, url: str, authority: Path) -> None:
        self.url, self.authority = url, authority
        self.served = self.denied = 0


@contextmanager
def private_git(place: Path, token: str) -> Iterator[Host]:
    """Serve the module git.example.test/team/lib.git at v1.0.0 to whoever knows the token."""
    repository = place / "work"
    repository.mkdir(parents=True)
    (repository / "go.mod").write_text("module git.example.test/team/lib.git\n\ngo 1.21\n")
    (repository / "lib.go").write_text(LIBRARY)
    git("init", "-q", "-b", "main", cwd=repository)
    git("add", ".", cwd=repository)
    git("commit", "-q", "-m", "one", cwd=repository)
    git("tag", "v1.0.0", cwd=repository)
    (place / "served" / "team").mkdir(parents=True)
    git("clone", "-q", "--bare", ".", str(place / "served/team/lib"), cwd=repository)
    make_certificates(place)
    authority = place / "ca.pem"
    wanted = "Basic " + base64.b64encode(f"{USER}:{token}".encode()).decode()
    root = str(place / "served")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            if self.headers.get("Authorization") != wanted:
                host.denied += 1
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="team"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            host.served += 1
            path, _, query = self.path.partition("?")
            size = int(self.headers.get("Content-Length", 0))
            env = {
                "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
                "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": USER,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(size), "PATH": os.environ["PATH"],
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
            }  # fmt: skip
            done = subprocess.run(
                ["git", "http-backend"], input=self.rfile.read(size), env=env,
                capture_output=True, check=False,
            )  # fmt: skip
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            fields = [line.partition(": ") for line in head.decode().split("\r\n")]
            status = next((value for name, _, value in fields if name == "Status"), "200 OK")
            self.send_response(int(status.split()[0]))
            for name, _, value in fields:
                if name and name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "server.pem", place / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    host = Host(f"https://localhost:{server.server_port}/", authority)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
