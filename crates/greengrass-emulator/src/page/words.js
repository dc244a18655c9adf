// How the page says things: names, times, counts. Pure.

/** The name at the end of an ARN. */
export function nameOf(arn) {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

export function time(text) {
  return text ? text.replace("T", " ").replace(/\.\d+Z$/, "Z") : "";
}

/** An id that is recognised by its beginning; the whole of it is in the title. */
export function short(id) {
  return id.length > 13 ? `${id.slice(0, 8)}…` : id;
}

const EXECUTIONS = [
  ["succeeded", "succeeded", "good"],
  ["failed", "failed", "bad"],
  ["timedOut", "timed out", "bad"],
  ["rejected", "rejected", "bad"],
  ["inProgress", "in progress", "busy"],
  ["queued", "queued", "idle"],
  ["canceled", "canceled", "idle"],
  ["removed", "removed", "idle"],
];

/** The counts of a job that are not zero, each with the class of its colour. */
export function executions(counts) {
  const all = EXECUTIONS.map(([member, word, tone]) => ({ count: counts?.[member] ?? 0, word, tone }));
  return all.filter(({ count }) => count > 0);
}

const TONES = {
  ACTIVE: "busy",
  COMPLETED: "good",
  SUCCEEDED: "good",
  HEALTHY: "good",
  FAILED: "bad",
  REJECTED: "bad",
  TIMED_OUT: "bad",
  UNHEALTHY: "bad",
  IN_PROGRESS: "busy",
};

export function toneOf(status) {
  return TONES[status] ?? "idle";
}

/** What became of a revision, by its neighbours. */
export function lineage(revision) {
  const words = [];
  if (revision.follows) {
    words.push(`follows ${revision.follows.revisionId}`);
  }
  if (revision.followedBy) {
    const superseded = revision.deploymentStatus === "INACTIVE";
    words.push(`${superseded ? "superseded" : "followed"} by ${revision.followedBy.revisionId}`);
  }
  if (revision.endedByParent) {
    words.push("ended by a newer revision of its parent");
  }
  return words.join(", ") || "the only one";
}

export function components(revision) {
  const named = Object.entries(revision.components).map(([name, version]) => `${name} ${version}`);
  const more = revision.componentsTotal - named.length;
  return named.join(", ") + (more > 0 ? ` and ${more} more` : "") || "none";
}
