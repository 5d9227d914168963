"""A real Matrix homeserver on the loopback interface: SQLite, no TLS, no federation, nothing leaves the machine."""

import hashlib
import hmac
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / "var" / "synapse" / "venv" / "bin" / "python"
SERVER_NAME = "home.test"
_SECRET = "registration of test accounts"
_UNLIMITED = "{per_second: 10000, burst_count: 10000}"


class Synapse:
    """One homeserver; its accounts and rooms outlive `stop` and `start`. `limited` keeps Synapse's own rate limits."""

    def __init__(self, folder, *, limited=False):
        self.folder = folder
        self.address = f"http://127.0.0.1:{_free_port()}"
        self._process = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "log.yaml").write_text(_log(folder), "utf-8")
        (folder / "homeserver.yaml").write_text(_configuration(folder, self.address, limited), "utf-8")
        self._run("--generate-keys").wait(60)

    def start(self):
        """Returns when it answers."""
        self._process = self._run()
        for _ in range(600):
            if self._process.poll() is not None:
                raise RuntimeError((self.folder / "output.log").read_text("utf-8")[-2000:])
            try:
                urllib.request.urlopen(f"{self.address}/health", timeout=2).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("Synapse does not answer")

    def stop(self):
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def register(self, name, password="secret", *, admin=False):
        """The Matrix id of a new account."""
        path = "/_synapse/admin/v1/register"
        nonce = self.call("GET", path)["nonce"]
        words = "\0".join([nonce, name, password, "admin" if admin else "notadmin"])
        mac = hmac.new(_SECRET.encode(), words.encode(), hashlib.sha1).hexdigest()
        account = {"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac}
        return self.call("POST", path, account)["user_id"]

    def call(self, method, path, body=None, token=""):
        """The answer of one request. Raises urllib.error.HTTPError."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def login(self, user_id, password="secret"):
        """An access token."""
        who = {"type": "m.id.user", "user": user_id}
        body = {"type": "m.login.password", "identifier": who, "password": password}
        return self.call("POST", "/_matrix/client/v3/login", body)["access_token"]

    def _run(self, *arguments):
        with (self.folder / "output.log").open("ab") as output:
            return subprocess.Popen(
                [ENVIRONMENT, "-m", "synapse.app.homeserver", "-c", self.folder / "homeserver.yaml", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            )


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _log(folder):
    handler = {"class": "logging.FileHandler", "filename": str(folder / "homeserver.log")}
    return json.dumps({"version": 1, "handlers": {"file": handler}, "root": {"level": "INFO", "handlers": ["file"]}})


def _configuration(folder, address, limited):
    port = address.rpartition(":")[2]
    lines = [
        f"server_name: {SERVER_NAME}",
        f"public_baseurl: {address}/",
        "report_stats: false",
        "listeners: [{port: " + port + ", bind_addresses: [127.0.0.1], type: http, resources: [{names: [client]}]}]",
        f"database: {{name: sqlite3, args: {{database: {folder}/homeserver.db}}}}",
        f"log_config: {folder}/log.yaml",
        f"media_store_path: {folder}/media",
        f"signing_key_path: {folder}/signing.key",
        f"pid_file: {folder}/homeserver.pid",
        f"registration_shared_secret: {_SECRET}",
        "macaroon_secret_key: test",
        "form_secret: test",
        "bcrypt_rounds: 4",
        "federation_domain_whitelist: []",
        "trusted_key_servers: []",
        "presence: {enabled: false}",
        "max_upload_size: 5M",
    ]
    if not limited:
        lines += [f"{name}: {_UNLIMITED}" for name in ("rc_message", "rc_registration", "rc_joins_per_room")]
        lines += [f"rc_login: {{address: {_UNLIMITED}, account: {_UNLIMITED}, failed_attempts: {_UNLIMITED}}}"]
        lines += [f"rc_joins: {{local: {_UNLIMITED}, remote: {_UNLIMITED}}}"]
        lines += [f"rc_invites: {{per_room: {_UNLIMITED}, per_user: {_UNLIMITED}, per_issuer: {_UNLIMITED}}}"]
        lines += [f"{name}: {_UNLIMITED}" for name in ("rc_room_creation", "rc_media_create", "rc_admin_redaction")]
    return "\n".join(lines) + "\n"
