"""Whether everybody can use the page: names for programs that read it out, and contrast for eyes."""

# The least contrast of text: https://www.w3.org/TR/WCAG22/#contrast-minimum
CONTRAST = 4.5

COLOURS = """
const style = getComputedStyle(document.documentElement);
const names = ["text", "soft", "accent", "good", "bad", "busy", "idle"];
const value = (name) => style.getPropertyValue(`--${name}`).trim();
return { grounds: ["ground", "surface"].map(value), texts: Object.fromEntries(names.map((name) => [name, value(name)])),
         body: getComputedStyle(document.body).backgroundColor };
"""

STRUCTURE = """
const wrong = [];
for (const landmark of ["header", "nav", "main"]) {
  if (document.querySelectorAll(landmark).length !== 1) wrong.push(`not one ${landmark}`);
}
for (const table of document.querySelectorAll("table")) {
  if (!table.caption) wrong.push("a table without caption");
  for (const heading of table.querySelectorAll("th")) if (!heading.scope) wrong.push(`no scope: ${heading.textContent}`);
  const columns = table.tHead.rows[0].cells.length;
  for (const row of table.tBodies[0].rows) if (row.cells.length !== columns) wrong.push(`${row.cells.length} cells for ${columns} columns`);
}
if (!document.documentElement.lang) wrong.push("no language");
return wrong;
"""

# Roles that say nothing without a name.
NAMED = {"button", "link", "table", "searchbox", "region", "navigation", "heading", "group"}


def is_accessible(browser):
    assert browser.run(STRUCTURE) == [], browser.run(STRUCTURE)
    nodes = browser.devtools("Accessibility.getFullAXTree")["nodes"]
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    unnamed = [role for role, name in found if role in NAMED and not name.strip()]
    assert not unnamed, unnamed
    assert {"button", "table", "searchbox", "navigation", "main", "status"} <= {role for role, _ in found}, found


def is_readable_in_light_and_dark(browser):
    bodies = set()
    for scheme in ("light", "dark"):
        browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        colours = browser.run(COLOURS)
        bodies.add(colours["body"])
        for ground in colours["grounds"]:
            for name, text in colours["texts"].items():
                found = contrast(ground, text)
                assert found >= CONTRAST, f"{scheme}: {name} {text} on {ground}: {found:.2f}"
    assert len(bodies) == 2, bodies


def contrast(one, other):
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))
