"""A backend that gives its signed-in users tokens for the widget, with `requests`.

The app's secret stays here; the page gets a token that works for its user alone.
"""
import json
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

BASE_URL = os.environ.get("SIGMIC_BASE_URL", "http://127.0.0.1:8080")


def signed_in_user(headers):
    """Stands for your own sign-in: who sent this request?"""
    match = re.search(r"(?:^|; )user=(\w+)", headers.get("Cookie", ""))
    return match and match.group(1)


def token_for(end_user_id):
    response = requests.post(
        f"{BASE_URL}/api/v1/auth/token",
        json={
            "appId": os.environ["SIGMIC_APP_ID"],
            "appSecret": os.environ["SIGMIC_APP_SECRET"],
            "endUserId": end_user_id,
            "expiresIn": "15m",
            "env": {"PLAN": "gold"},  # what the agent's commands may see of this user
        },
        timeout=10,
    )
    response.raise_for_status()
    return response.json()["data"]


class Backend(BaseHTTPRequestHandler):
    def do_POST(self):
        user = signed_in_user(self.headers)
        if self.path != "/my/chat-token":
            self.send(404, {})
        elif not user:
            self.send(401, {})
        else:
            try:
                self.send(200, token_for(user))
            except requests.RequestException as error:
                self.log_error("%s", error)  # for you; the page need not know why
                self.send(502, {})

    def send(self, status, body):
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Backend)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
