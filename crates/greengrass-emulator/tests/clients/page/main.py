"""Uses the emulator's page as a person does, in Chromium, with ten thousand devices behind it."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import boto3
from browser import ENTER, Browser
from emulator import URL, admin

from appearance import is_accessible, is_readable_in_light_and_dark

ACCOUNT, REGION = "123456789012", "eu-west-1"
# Text that would be more than text where somebody forgets to escape it.
NASTY = "<img src=x onerror=\"document.title='taken'\">"

FLEET = {
    "accounts": [
        {
            "account": ACCOUNT,
            "region": REGION,
            "groups": [{"name": "Plant"}, {"name": "Canary"}],
            "devices": [{"name": "press-#####", "count": 10_000, "groups": ["Plant"]}, {"name": "early", "groups": ["Plant", "Canary"]}],
            "rules": [{"component": "com.example.Press", "version": "2.0.0", "share": 0.02, "outcome": "componentBroken"}],
        },
        {"account": "210987654321", "region": "us-west-2", "devices": [{"name": "lonely"}]},
    ]
}

greengrass = boto3.client("greengrassv2")


def group(name):
    return f"arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/{name}"


def deploy(target, version, name, **more):
    components = {"com.example.Press": {"componentVersion": version}}
    made = greengrass.create_deployment(targetArn=group(target), deploymentName=name, components=components, **more)
    return made["deploymentId"]


def by_key(key):
    return f'[data-key="{key}"]'


def set_up():
    admin("POST", "fleet", FLEET)
    deploy("Plant", "1.0.0", "first")
    admin("POST", "clock", {"advanceMilliseconds": 700_000})
    deploy("Plant", "2.0.0", "second")
    admin("POST", "clock", {"advanceMilliseconds": 700_000})
    deploy("Canary", "1.0.0", "early birds", parentTargetArn=group("Plant"))


def sees_targets_and_their_lineage(browser):
    targets = browser.wait("targets", lambda: browser.rows("targets"))
    assert [row[0] for row in targets] == ["Canary", "Plant"], targets
    assert targets[0][6] == "Plant" and targets[1][8] == "1", targets
    # By keyboard.
    browser.type(by_key(group("Plant")), ENTER)
    revisions = browser.wait("revisions", lambda: browser.rows("revisions"))
    assert [row[0] for row in revisions] == ["2", "1"], revisions
    assert revisions[0][3] == "follows 1" and revisions[1][3] == "superseded by 2", revisions
    assert "com.example.Press 2.0.0" in revisions[0][4], revisions
    counts = admin("GET", f"overview/devices?account={ACCOUNT}&region={REGION}&state=failed")["total"]
    assert 100 < counts < 300 and f"{counts} failed" in revisions[0][5], (counts, revisions)
    focused = browser.wait("focus", lambda: browser.run("return document.activeElement.id"))
    assert focused == "revisions-title", focused
    browser.click(f"#below {by_key(group('Canary'))}")
    revisions = browser.wait("its revisions", lambda: "Canary" in browser.text("#revisions-title") and browser.rows("revisions"))
    assert revisions[0][3] == "the only one, on behalf of Plant", revisions
    return counts


def finds_failed_devices(browser, failed):
    assert browser.text(by_key("failed")) == f"failed {failed}"
    browser.click(by_key("failed"))
    where = f"1 to 15 of {failed}"
    browser.wait("failed devices", lambda: where in browser.text("#devices .pager"))
    rows = browser.rows("devices")
    assert len(rows) == 15 and all(row[6] == "COMPONENT_BROKEN" for row in rows), rows
    browser.click(f"#devices {by_key('Next')}")
    browser.wait("the next ones", lambda: f"16 to 30 of {failed}" in browser.text("#devices .pager"))
    assert browser.rows("devices")[0] > rows[-1]
    name = browser.rows("devices")[3][0]
    browser.type("#devices-search", name)
    browser.wait("that one", lambda: [row[0] for row in browser.rows("devices")] == [name])
    browser.click(by_key(name))
    browser.wait("its deployments", lambda: browser.rows("device"))
    codes = browser.run("return [...document.querySelectorAll('#device ol.stack li')].map((item) => item.textContent)")
    assert codes == ["DEPLOYMENT_FAILURE", "COMPONENT_UPDATE_ERROR", "COMPONENT_BROKEN"], codes
    assert "in broken state after deployment" in browser.rows("device")[0][4]
    assert browser.text("#installed") == "Components: com.example.Press 1.0.0"
    failures = browser.rows("failures")
    assert failures[0][0] == str(failed) and len(failures) == 1, failures
    nodes = browser.run("return document.querySelectorAll('*').length")
    assert nodes < 1500, f"{nodes} elements for ten thousand devices"


def sees_what_happens(browser):
    browser.click(by_key(group("Plant")))
    browser.wait("the revisions", lambda: "Plant" in browser.text("#revisions-title") and len(browser.rows("revisions")) == 2)
    browser.run("document.querySelector(arguments[0]).focus()", by_key(group("Plant")))
    deploy("Plant", "3.0.0", NASTY)
    rows = browser.wait("the new revision", lambda: [row for row in browser.rows("revisions") if row[0] == "3"])
    assert NASTY in rows[0][1] and rows[0][2] == "ACTIVE", rows
    browser.wait("the new target", lambda: any(NASTY in row[2] for row in browser.rows("targets")))
    browser.wait("the call", lambda: browser.rows("calls")[0][4] == "CreateDeployment")
    assert browser.rows("revisions")[1][3] == "follows 1, superseded by 3"
    # What was chosen, and where somebody is, stays.
    assert browser.run("return document.activeElement.dataset.key") == group("Plant")
    assert browser.text("#device-title").startswith("Device press-")
    assert browser.run("return document.title") == "greengrass-emulator"
    assert browser.run("return document.images.length") == 0
    fault = {"match": {"operation": "GetDeployment"}, "times": None, "action": {"type": "accessDenied"}}
    number = admin("POST", "faults", fault)["id"]
    shown = browser.wait("the fault", lambda: browser.rows("faults"))
    assert shown[0][1:4] == ['{"type":"accessDenied"}', "operation GetDeployment", "0"], shown
    admin("DELETE", f"faults/{number}")
    browser.wait("no fault", lambda: not browser.rows("faults"))
    # Nothing calls here, so nothing but the clock tells.
    admin("POST", "clock", {"advanceMilliseconds": 700_000})
    browser.wait("the success", lambda: "10001 succeeded" in browser.rows("revisions")[0][5])
    browser.wait("no failure", lambda: not browser.rows("failures"))


def changes_the_account(browser):
    assert [row[:2] for row in browser.rows("scopes")] == [[ACCOUNT, REGION], ["210987654321", "us-west-2"]]
    browser.click(by_key("210987654321/us-west-2"))
    # The filters stay, and there is no failed device.
    browser.wait("no device", lambda: not browser.rows("devices"))
    browser.run("document.getElementById('devices-search').value = ''; document.getElementById('devices-search').dispatchEvent(new Event('input'))")
    browser.click(by_key(""))
    browser.wait("the other device", lambda: [row[0] for row in browser.rows("devices")] == ["lonely"])
    assert browser.run("return document.getElementById('revisions').hidden && document.getElementById('device').hidden")


set_up()
with Browser(os.environ["CHROMIUM_PROGRAMS"]) as browser:
    browser.open(f"{URL}/")
    browser.wait("live", lambda: browser.text("#live") == "live")
    failed = sees_targets_and_their_lineage(browser)
    finds_failed_devices(browser, failed)
    is_accessible(browser)
    is_readable_in_light_and_dark(browser)
    sees_what_happens(browser)
    changes_the_account(browser)
    asked = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked and all(name.startswith(f"{URL}/_emulator/") for name in asked), asked
    assert browser.log() == [], browser.log()
operations = {call["operation"] for call in admin("GET", "calls")}
assert operations == {"CreateDeployment"}, f"the page left calls in the ledger: {operations}"
print("done")
