"""A fixture for pytest: an emulator of its own for each test, with time in the test's hands."""

import json
import os
import subprocess
import urllib.request

import boto3
import pytest

PROGRAM = os.environ.get("GREENGRASS_EMULATOR", "greengrass-emulator")


class Emulator:
    def __init__(self, url):
        self.url = url

    def client(self, service, account="123456789012", region="eu-west-1"):
        """A client of boto3 in an account and region."""
        return boto3.client(
            service, region_name=region, endpoint_url=self.url, aws_access_key_id=account, aws_secret_access_key="secret"
        )

    def admin(self, method, path, body=None):
        """A request to the admin interface; `path` is what comes after /_emulator/."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_emulator/{path}", data, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request) as response:
            return json.loads(response.read() or "null")

    def let_pass(self, seconds):
        """What is due in this time happens at once."""
        self.admin("POST", "clock", {"advanceMilliseconds": seconds * 1000})


@pytest.fixture
def emulator(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    command = [PROGRAM, "--listen", "127.0.0.1:0", "--log", "warn", "--seed", "1"]
    command += ["--manual-clock", "2026-01-01T00:00:00Z", "--quota", "greengrass=unlimited"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            # The line is there as soon as it listens; none comes when it could not start, and stderr says why.
            line = program.stdout.readline()
            assert line.startswith("listening on "), "greengrass-emulator did not start"
            yield Emulator(line.removeprefix("listening on ").strip())
        finally:
            program.terminate()
