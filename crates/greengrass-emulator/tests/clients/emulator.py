"""The emulator's admin interface, for scripts that drive it with boto3."""

import json
import os
import urllib.request

URL = os.environ["AWS_ENDPOINT_URL"]


def admin(method, path, body=None):
    """A request to the admin interface: `path` is what comes after /_emulator/."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/_emulator/{path}", data=data, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as response:
        return json.loads(response.read() or "null")
