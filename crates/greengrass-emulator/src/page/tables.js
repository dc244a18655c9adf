// Builds elements and fills tables. Text becomes text and nothing else, whoever wrote it.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") {
      made.addEventListener("click", value);
    } else if (value !== undefined) {
      made.setAttribute(name, value);
    }
  }
  made.append(...children.filter((child) => child !== undefined && child !== null).map(asNode));
  return made;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** A button that looks like a link; its key is how the focus finds it again after the table is filled anew. */
export function link(key, words, onclick) {
  return element("button", { type: "button", class: "link", "data-key": key, onclick }, words);
}

export function cell(content, className) {
  return element("td", { class: className }, content);
}

export function heading(content) {
  return element("th", { scope: "row" }, content);
}

/** Puts other children in the place of an element's own; the focus stays where it was. */
export function replace(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  parent.replaceChildren(...children);
  if (focused !== undefined) {
    [...parent.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus();
  }
}

/** Fills the table of a section when there is something else to show than before. */
export function fill(section, data, rows) {
  const shown = JSON.stringify(data);
  if (section.shown === shown) {
    return;
  }
  section.shown = shown;
  const made = rows(data);
  replace(section.querySelector("tbody"), made);
  section.querySelector(".none").hidden = made.length > 0;
}

/** Where one is in a list that isn't shown whole. */
export function page(section, { total, offset, size }, turn) {
  const pager = section.querySelector(".pager");
  const shown = JSON.stringify([total, offset]);
  if (pager.shown === shown) {
    return;
  }
  pager.shown = shown;
  pager.hidden = total <= size;
  const turns = (words, to, possible) => {
    const button = element("button", { type: "button", "data-key": words, onclick: () => turn(to) }, words);
    button.disabled = !possible;
    return button;
  };
  const last = Math.min(offset + size, total);
  replace(pager, [
    turns("Previous", Math.max(0, offset - size), offset > 0),
    element("span", {}, `${offset + 1} to ${last} of ${total}`),
    turns("Next", offset + size, last < total),
  ]);
}
