"""A stand-in for Picsellia's platform: keeps what its own client sends, answers in its forms.

``silent`` accepts every connection and never answers.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

ORGANIZATION, CONNECTOR, PROJECT, EXPERIMENT = (str(uuid4()) for _ in range(4))
TOKEN = "a-token"


@dataclass(slots=True)
class Platform:
    """What was asked of it and what it holds."""

    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path
    project: str = ""
    experiment: dict[str, Any] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    refuse: int = 0  # requests to answer with 502 first

    def answer(self, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
        """Plain values, or ``None`` for what there is not."""
        organization = f"/api/organization/{ORGANIZATION}"
        experiment = f"/api/experiment/{EXPERIMENT}"
        if (method, path) == ("GET", "/api/home/ping"):
            return {"sdk_version": "1.0.0", "default_organization": ORGANIZATION, "username": "me"}
        if (method, path) == ("GET", organization):
            return {"id": ORGANIZATION, "name": "ours", "default_connector_id": CONNECTOR}
        if (method, path) == ("GET", f"{organization}/projects/find"):
            return self._project() if query["name"] == [self.project] else None
        if (method, path) == ("POST", f"{organization}/projects"):
            self.project = body["name"]
            return self._project()
        if (method, path) == ("POST", f"/api/project/{PROJECT}/experiments"):
            self.experiment = {"id": EXPERIMENT, "name": body["name"], "project_id": PROJECT}
            return {**self.experiment, "status": "WAITING"}
        if (method, path) == ("GET", f"{organization}/experiments/find"):
            return {**self.experiment, "status": "WAITING"} if query["id"] == [EXPERIMENT] else None
        if (method, path) == ("PATCH", experiment):
            self.statuses.append(body["status"])
            return {**self.experiment, **body}
        if (method, path) == ("POST", f"{experiment}/logs"):
            self.logs.append(body)
            return {"id": str(uuid4()), **body}
        if path.endswith("/generate_object_name"):
            return {"object_name": f"{body['type']}/{body['filename']}"}
        if path == f"/api/object-storage/{CONNECTOR}/generate_presigned_url":
            where = {"url": f"{self.url}/upload", "fields": {"key": body["object_name"]}}
            return {"client_type": "minio", "presigned_url_data": where}
        if (method, path) == ("POST", f"{experiment}/artifacts"):
            self.artifacts.append(body)
            return {"id": str(uuid4()), **body}
        return None

    def _project(self) -> dict[str, str]:
        return {"id": PROJECT, "name": self.project}


@contextmanager
def platform() -> Iterator[Platform]:
    """One that answers."""
    held = Platform()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            held.requests.append((self.command, parts.path))
            if parts.path == "/upload":
                held.uploads.append(content)
                self._say(204, {})
            elif held.refuse > 0:
                held.refuse -= 1
                self._say(502, {})
            elif self.headers["Authorization"] != f"Bearer {TOKEN}":
                self._say(401, {"message": "Who are you?"})
            else:
                body = json.loads(content) if content else None
                found = held.answer(self.command, parts.path, parse_qs(parts.query), body)
                self._say(*((404, {"message": "none"}) if found is None else (200, found)))

        do_GET = do_POST = do_PATCH = _do  # noqa: N815

        def _say(self, status: int, answer: Any) -> None:
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        held.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield held
        server.shutdown()


@contextmanager
def silent() -> Iterator[str]:
    """The address of one that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
