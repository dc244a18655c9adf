"""A browser without a window, driven by WebDriver (https://www.w3.org/TR/webdriver2/). Python's standard library only."""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

# How WebDriver marks an element in its JSON.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

ENTER = "\ue007"

ARGUMENTS = [
    "--headless=new",
    # Root, as whom containers run tests, can't have a sandbox; the page is our own.
    "--no-sandbox",
    "--disable-gpu",
    # A container's /dev/shm has 64 MB.
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]


class Browser:
    """`with Browser(folder) as browser`: started, and stopped at the end whatever happens."""

    def __init__(self, programs, width=1280, height=1000):
        self.programs, self.size = Path(programs), f"--window-size={width},{height}"

    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="emulator-page-", ignore_cleanup_errors=True)
        self.driver = subprocess.Popen(
            [self.programs / "chromedriver", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "HOME": self.profile.name},
        )
        try:
            for line in self.driver.stdout:
                if port := re.search(r"started successfully on port (\d+)", line):
                    break
            self.url = f"http://127.0.0.1:{port[1]}"
            options = {
                "binary": str(self.programs / "chromium"),
                "args": [*ARGUMENTS, self.size, f"--user-data-dir={self.profile.name}/profile"],
            }
            wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            session = self.send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.url += f"/session/{session['sessionId']}"
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        try:
            # The driver ends its browser with the session.
            self.send("DELETE", "")
        finally:
            self.stop()

    def stop(self):
        self.driver.terminate()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
        self.driver.stdout.close()
        self.profile.cleanup()

    def send(self, method, path, body=None):
        data = None if method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {json.load(error)['value']['message']}") from None

    def open(self, url):
        self.send("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """What a piece of JavaScript returns."""
        return self.send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, command, **parameters):
        return self.send("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def find(self, selector):
        return self.send("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        # The driver takes what is behind the header for visible.
        self.run("document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })", selector)
        self.send("POST", f"/element/{self.find(selector)}/click")

    def type(self, selector, keys):
        self.send("POST", f"/element/{self.find(selector)}/value", {"text": keys})

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent", selector)

    def rows(self, section):
        """The text of each cell of the rows of a section's table."""
        script = "return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map((row) => [...row.cells].map((cell) => cell.textContent))"
        return self.run(script, section)

    def log(self):
        return [entry for entry in self.send("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def wait(self, what, condition, seconds=20):
        """Waits until a condition returns something, and returns that."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, f"not within {seconds} s: {what}: {self.text('main')[:3000]}"
            time.sleep(0.05)
        return found
