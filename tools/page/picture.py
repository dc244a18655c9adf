"""Opens the emulator's page in Chromium, chooses a target, and writes what it looks like: picture.py URL FILE."""

import base64
import os
import sys

from browser import Browser

# What the tree keeps of pictures is fetched with every clone.
LARGEST = 300 * 1024

url, file = sys.argv[1:]
with Browser(os.environ["CHROMIUM_PROGRAMS"], width=1280, height=1000) as browser:
    browser.open(f"{url}/")
    browser.wait("targets", lambda: browser.rows("targets"))
    chosen = browser.run("return [...document.querySelectorAll('#targets tbody th button')][0].dataset.key")
    browser.click(f'[data-key="{chosen}"]')
    browser.wait("revisions", lambda: browser.rows("revisions"))
    browser.click('[data-key="failed"]')
    browser.wait("devices", lambda: browser.run("return document.querySelector('[data-key=failed]').ariaPressed === 'true'"))
    browser.run("document.activeElement.blur(); scrollTo(0, 0)")
    height = browser.run("return document.documentElement.scrollHeight")
    browser.devtools("Emulation.setDeviceMetricsOverride", width=1280, height=min(height, 1500), deviceScaleFactor=1, mobile=False)
    picture = base64.b64decode(browser.devtools("Page.captureScreenshot", format="png")["data"])
if len(picture) > LARGEST:
    sys.exit(f"{file}: {len(picture)} bytes are more than {LARGEST}")
with open(file, "wb") as output:
    output.write(picture)
print(f"{file}: {len(picture)} bytes", file=sys.stderr)
