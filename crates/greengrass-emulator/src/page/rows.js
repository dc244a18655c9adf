// The rows of each table.

import { cell, element, heading, link } from "./tables.js";
import { components, executions, lineage, nameOf, short, time, toneOf } from "./words.js";

function status(word) {
  return element("span", { class: toneOf(word) }, word);
}

function id(text) {
  return element("span", { class: "id", title: text }, short(text));
}

function deployment(row) {
  return element("span", {}, row.deploymentName ? `${row.deploymentName} ` : "", id(row.deploymentId));
}

/** How far a job is, as a bar for the eye and as words for everybody. */
function progress(counts) {
  const parts = executions(counts);
  if (!parts.length) {
    return element("span", { class: "soft" }, counts ? "none yet" : "no job");
  }
  const bar = element("span", { class: "bar", "aria-hidden": "true" });
  for (const { count, tone } of parts) {
    const part = element("span", { class: tone });
    part.style.flexGrow = count;
    bar.append(part);
  }
  return element("span", {}, parts.map(({ count, word }) => `${count} ${word}`).join(", "), bar);
}

function stack(codes) {
  if (!codes?.length) {
    return element("span", { class: "soft" }, "none");
  }
  return element("ol", { class: "stack" }, ...codes.map((code) => element("li", {}, code)));
}

function chosen(is, ...cells) {
  return element("tr", { class: is ? "chosen" : undefined, "aria-current": is ? "true" : undefined }, ...cells);
}

export function scopes(list, chosenOne, choose) {
  return list.map((scope) => {
    const is = scope.account === chosenOne?.account && scope.region === chosenOne?.region;
    const counts = [scope.targets, scope.deployments, scope.thingGroups, scope.things, scope.systemInstances, scope.devices.total];
    return chosen(
      is,
      heading(link(`${scope.account}/${scope.region}`, scope.account, () => choose(scope))),
      cell(scope.region),
      ...counts.map((count) => cell(count, "number")),
      cell(element("span", { class: scope.devices.failed ? "bad" : "soft" }, scope.devices.failed), "number"),
    );
  });
}

export function targets(list, chosenOne, choose) {
  return list.map((target) =>
    chosen(
      target.targetArn === chosenOne,
      heading(link(target.targetArn, nameOf(target.targetArn), () => choose(target.targetArn))),
      cell(target.kind === "thing" ? "thing" : "thing group"),
      cell(deployment(target)),
      cell(target.revisionId, "number"),
      cell(status(target.deploymentStatus)),
      cell(progress(target.executions)),
      cell(target.parentTargetArn ? link(`parent of ${target.targetArn}`, nameOf(target.parentTargetArn), () => choose(target.parentTargetArn)) : ""),
      cell(target.revisions, "number"),
      cell(target.subdeployments, "number"),
      cell(time(target.creationTimestamp), "time"),
    ),
  );
}

export function revisions(list, choose) {
  return list.map((revision) => {
    const parent = revision.parentTargetArn;
    const onBehalf = parent && element("span", {}, ", on behalf of ", link(`parent ${revision.deploymentId}`, nameOf(parent), () => choose(parent)));
    return element(
      "tr",
      {},
      element("th", { scope: "row", class: "number" }, revision.revisionId),
      cell(deployment(revision)),
      cell(status(revision.deploymentStatus)),
      cell(element("span", {}, lineage(revision), onBehalf)),
      cell(components(revision)),
      cell(progress(revision.executions)),
      cell(time(revision.creationTimestamp), "time"),
    );
  });
}

export function below(list, choose) {
  return list.map((row) =>
    element(
      "li",
      {},
      link(row.targetArn, nameOf(row.targetArn), () => choose(row.targetArn)),
      `: revision ${row.revisionId}, `,
      status(row.deploymentStatus),
      ", ",
      components(row),
    ),
  );
}

export function devices(list, chosenOne, choose) {
  return list.map((device) =>
    chosen(
      device.name === chosenOne,
      heading(link(device.name, device.name, () => choose(device.name))),
      cell(device.online ? "online" : element("span", { class: "busy" }, "offline")),
      cell(status(device.status)),
      cell(device.nucleus),
      cell(device.working ? id(device.working) : ""),
      cell(device.waiting, "number"),
      cell(element("span", {}, ...device.failures.map((failure) => element("div", { class: "bad" }, failure.errorStack?.at(-1) ?? failure.status)))),
    ),
  );
}

export function deployments(list) {
  return list.map((row) =>
    element(
      "tr",
      {},
      heading(nameOf(row.targetArn)),
      cell(deployment(row)),
      cell(status(row.coreDeviceExecutionStatus)),
      cell(stack(row.statusDetails?.errorStack)),
      cell(row.reason ?? ""),
    ),
  );
}

export function failures(list, chooseTarget, chooseDevice) {
  return list.map((failure) => {
    const key = `${failure.deploymentId} ${failure.status} ${failure.errorStack}`;
    const examples = failure.examples.map((name) => element("div", {}, link(`${key} ${name}`, name, () => chooseDevice(name))));
    return element(
      "tr",
      {},
      element("th", { scope: "row", class: "number" }, failure.devices),
      cell(status(failure.status)),
      cell(stack(failure.errorStack)),
      cell(failure.reason ?? ""),
      cell(link(`${key} target`, nameOf(failure.targetArn), () => chooseTarget(failure.targetArn))),
      cell(id(failure.deploymentId)),
      cell(element("div", {}, ...examples)),
    );
  });
}

export function calls(list) {
  return list.map((call) => {
    const failed = call.status >= 400;
    const answer = call.status ? `${call.status} ${call.errorCode ?? ""}` : "none yet";
    return element(
      "tr",
      {},
      element("th", { scope: "row", class: "number" }, call.sequence),
      cell(time(call.time), "time"),
      cell(call.account ?? ""),
      cell(call.region ?? ""),
      cell(call.operation),
      cell(call.targetArn ? nameOf(call.targetArn) : ""),
      cell(element("span", { class: failed ? "bad" : undefined }, answer), "number"),
      cell(call.fault ?? ""),
    );
  });
}

export function faults(list) {
  return list.map((fault) => {
    const { match, action, times, skip } = fault.rule;
    const conditions = Object.entries(match ?? {}).filter(([, value]) => value !== null);
    const words = conditions.map(([name, value]) => `${name} ${value}`).join(", ") || "all";
    const bound = times === null ? "" : ` of ${times}`;
    return element(
      "tr",
      {},
      element("th", { scope: "row", class: "number" }, fault.id),
      cell(element("code", {}, JSON.stringify(action))),
      cell(words + (skip ? `, after ${skip}` : "")),
      cell(`${fault.fired}${bound}`, "number"),
      cell(time(fault.until) || "it is removed", "time"),
    );
  });
}
