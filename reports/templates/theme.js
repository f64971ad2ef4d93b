// Light or dark as the system has it, or as the reader wants it; runs before the page is drawn.
const KEY = "blastline-theme";
const SCHEME = /\(prefers-color-scheme: (light|dark)\)/;

// Rules that ask for the system's scheme, and what they ask for.
function schemeRules(rules, found = []) {
  for (const rule of rules) {
    if (rule.media && SCHEME.test(rule.media.mediaText)) found.push([rule, rule.media.mediaText]);
    if (rule.cssRules) schemeRules(rule.cssRules, found);
  }
  return found;
}
const asked = [...document.styleSheets].flatMap((sheet) => schemeRules(sheet.cssRules));

function show(theme) {
  for (const [rule, media] of asked) {
    rule.media.mediaText = theme === "system" ? media : media.replace(
      SCHEME, (_, scheme) => scheme === theme ? "(min-width: 0px)" : "(max-width: 0px)");
  }
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event("themechange"));
}

// A browser may forbid a file to remember anything.
function remembered() {
  try { return localStorage.getItem(KEY); } catch { return null; }
}
function remember(theme) {
  try { localStorage.setItem(KEY, theme); } catch { /* the choice holds for this page */ }
}

const THEMES = ["system", "light", "dark"];
let theme = THEMES.includes(remembered()) ? remembered() : "system";
show(theme);

document.addEventListener("DOMContentLoaded", () => {
  const choice = document.createElement("fieldset");
  choice.className = "themes";
  const legend = document.createElement("legend");
  legend.textContent = "Colours";
  choice.append(legend);
  for (const name of THEMES) {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = "theme";
    radio.value = name;
    radio.checked = name === theme;
    radio.addEventListener("change", () => { theme = name; show(theme); remember(theme); });
    const said = document.createElement("span");
    said.textContent = name;
    label.append(radio, said);
    choice.append(label);
  }
  document.querySelector("header").append(choice);
});
