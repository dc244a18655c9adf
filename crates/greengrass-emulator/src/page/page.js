// What is chosen, what is asked for, and what happens: fills the page and keeps it so.

import { element, fill, page, replace } from "./tables.js";
import * as rows from "./rows.js";
import { nameOf, time } from "./words.js";

const STATES = [
  ["", "all"],
  ["online", "online"],
  ["offline", "offline"],
  ["working", "working"],
  ["waiting", "waiting"],
  ["failed", "failed"],
  ["unhealthy", "unhealthy"],
];

const section = Object.fromEntries([...document.querySelectorAll("main > section")].map((one) => [one.id, one]));

const chosen = {
  scope: undefined,
  target: undefined,
  device: undefined,
  state: "",
  search: { targets: "", devices: "" },
  offset: { targets: 0, revisions: 0, devices: 0, failures: 0 },
};

let overview;

// --- what is asked for -------------------------------------------------------------------------------------------------

async function ask(path, filters) {
  const { account, region } = chosen.scope;
  const given = Object.entries({ account, region, ...filters }).filter(([, value]) => value !== "" && value !== undefined);
  const response = await fetch(`/_emulator/${path}?${new URLSearchParams(given)}`);
  // What was reset meanwhile is not there any more.
  return response.ok ? response.json() : undefined;
}

function portion(name) {
  return { search: chosen.search[name] ?? "", offset: chosen.offset[name] };
}

const views = {
  async targets() {
    const shown = await ask("overview/targets", portion("targets"));
    list("targets", shown?.targets ?? [], shown, (targets) => rows.targets(targets, chosen.target, chooseTarget), chosen.target);
  },
  async revisions() {
    section.revisions.hidden = chosen.target === undefined;
    if (chosen.target === undefined) {
      return;
    }
    const target = chosen.target;
    const shown = await ask("overview/revisions", { target, ...portion("revisions") });
    if (target !== chosen.target) {
      return;
    }
    document.getElementById("revisions-title").textContent = `Revisions of ${nameOf(target)}`;
    list("revisions", shown?.revisions ?? [], shown, (revisions) => rows.revisions(revisions, chooseTarget), target);
    const below = document.getElementById("below");
    const subdeployments = shown?.subdeployments ?? [];
    below.hidden = subdeployments.length === 0;
    const more = (shown?.subdeploymentsTotal ?? 0) - subdeployments.length;
    const items = rows.below(subdeployments, chooseTarget);
    replace(below.querySelector("ul"), more > 0 ? [...items, element("li", {}, `and ${more} more`)] : items);
  },
  async devices() {
    const shown = await ask("overview/devices", { state: chosen.state, ...portion("devices") });
    list("devices", shown?.devices ?? [], shown, (devices) => rows.devices(devices, chosen.device, chooseDevice), chosen.device);
  },
  async device() {
    section.device.hidden = chosen.device === undefined;
    if (chosen.device === undefined) {
      return;
    }
    const device = chosen.device;
    const shown = await ask(`devices/${encodeURIComponent(device)}`, {});
    if (device !== chosen.device) {
      return;
    }
    document.getElementById("device-title").textContent = `Device ${device}`;
    fill(section.device, shown?.deployments ?? [], rows.deployments);
    const installed = Object.entries(shown?.components ?? {}).map(([name, { version, broken }]) => `${name} ${version}${broken ? " (broken)" : ""}`);
    document.getElementById("installed").textContent = `Components: ${installed.join(", ") || "none but the nucleus"}`;
  },
  async failures() {
    const shown = await ask("overview/failures", portion("failures"));
    list("failures", shown?.failures ?? [], shown, (failures) => rows.failures(failures, chooseTarget, chooseDevice));
  },
};

/** Fills a list and says where in it one is. What is chosen is part of what is shown. */
function list(name, items, shown, made, marked) {
  fill(section[name], [items, marked ?? null], ([some]) => made(some));
  const where = { total: shown?.total ?? 0, offset: shown?.offset ?? 0, size: shown?.size ?? 1 };
  chosen.offset[name] = where.offset;
  page(section[name], where, (offset) => {
    chosen.offset[name] = offset;
    show(name);
  });
}

// One question for each view at a time: while one is open, many changes are one more question.
const asking = new Map();

async function show(name) {
  if (chosen.scope === undefined) {
    return;
  }
  if (asking.has(name)) {
    asking.set(name, true);
    return;
  }
  asking.set(name, false);
  try {
    await views[name]();
  } catch {
    // The emulator has gone, which the events tell.
  } finally {
    const again = asking.get(name);
    asking.delete(name);
    if (again) {
      show(name);
    }
  }
}

function showAll() {
  Object.keys(views).forEach(show);
}

// --- what is chosen ----------------------------------------------------------------------------------------------------

function chooseScope({ account, region }) {
  chosen.scope = { account, region };
  chosen.target = undefined;
  chosen.device = undefined;
  chosen.offset = { targets: 0, revisions: 0, devices: 0, failures: 0 };
  showOverview();
  showAll();
}

async function chooseTarget(arn) {
  chosen.target = arn;
  chosen.offset.revisions = 0;
  show("targets");
  await show("revisions");
  document.getElementById("revisions-title").focus();
}

async function chooseDevice(name) {
  chosen.device = name;
  show("devices");
  await show("device");
  document.getElementById("device-title").focus();
}

function chooseState(state) {
  chosen.state = state;
  chosen.offset.devices = 0;
  showStates();
  show("devices");
}

for (const name of ["targets", "devices"]) {
  document.getElementById(`${name}-search`).addEventListener("input", (event) => {
    chosen.search[name] = event.target.value;
    chosen.offset[name] = 0;
    show(name);
  });
}

// --- what happens ------------------------------------------------------------------------------------------------------

function here() {
  return overview.scopes.find(({ account, region }) => account === chosen.scope?.account && region === chosen.scope?.region);
}

function showStates() {
  const counts = here()?.devices ?? {};
  const buttons = STATES.map(([state, words]) => {
    const pressed = String(state === chosen.state);
    const attributes = { type: "button", "data-key": state, "aria-pressed": pressed, onclick: () => chooseState(state) };
    return element("button", attributes, `${words} ${counts[state || "total"] ?? 0}`);
  });
  replace(document.getElementById("states"), buttons);
}

function showOverview() {
  // The first account and region that has something, until somebody chooses another.
  if (here() === undefined) {
    const first = overview.scopes.find(({ deployments, devices }) => deployments + devices.total > 0) ?? overview.scopes[0];
    chosen.scope = first && { account: first.account, region: first.region };
  }
  fill(section.scopes, [overview.scopes, chosen.scope], ([scopes]) => rows.scopes(scopes, chosen.scope, chooseScope));
  fill(section.calls, overview.calls, rows.calls);
  fill(section.faults, overview.faults, rows.faults);
  document.getElementById("calls-title").textContent = `Last calls (${overview.callsTotal} in the ledger)`;
  document.getElementById("faults-title").textContent = `Faults (${overview.faultsTotal})`;
  showStates();
}

function say(words, state) {
  const live = document.getElementById("live");
  live.textContent = words;
  live.className = state;
}

const events = new EventSource("/_emulator/events");

function told(event) {
  const { now, shows } = JSON.parse(event.data);
  const clock = document.getElementById("now");
  clock.textContent = time(now);
  clock.dateTime = now;
  overview = shows ?? overview;
  if (overview) {
    showOverview();
    showAll();
  }
}

events.addEventListener("overview", told);
events.addEventListener("time", told);
events.addEventListener("open", () => say("live", "live"));
events.addEventListener("error", () => {
  const closed = events.readyState === EventSource.CLOSED;
  say(closed ? "not live: too many pages are open; close one and load this one again" : "the emulator doesn't answer; trying again", "gone");
});
