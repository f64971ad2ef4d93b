// What is shown and pressed. Names come from people and files: they are set as text, never markup.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const MARKS = { confirmed: "✓", changed: "→", labelled: "+", excluded: "×" };
const REASONS = {
  "label error": "Label may be wrong", doubtful: "Doubtful", unlabelled: "Unlabelled",
};
const TAKEN = "xsu";  // letters that mean something else
const KEYS = classKeys();
const decisions = new Decisions(data, () => { showName(); showCell(); showAll(); });
let current = Math.max(0, data.cells.findIndex((cell) => cell.image_id === decisions.at));

// 1 to 9, 0, letters, then letters with shift; classes beyond these have no key.
function classKeys() {
  const letters = [..."abcdefghijklmnopqrstuvwxyz"].filter((each) => !TAKEN.includes(each));
  const all = [..."1234567890", ...letters, ...letters.map((each) => `⇧${each.toUpperCase()}`)];
  return data.classes.map((_, code) => all[code] ?? "");
}

function element(tag, properties = {}, ...children) {
  const { data: set = {}, ...plain } = properties;
  const made = Object.assign(document.createElement(tag), plain);
  Object.assign(made.dataset, set);
  made.append(...children);
  return made;
}

function showPicture(image, uri, alternative) {
  image.hidden = !uri;
  if (uri) image.src = uri; else image.removeAttribute("src");
  image.alt = alternative;
}

// ---- which cells

function passes(cell) {
  const filter = decisions.filter;
  if (filter === "all") return true;
  if (filter === "open") return !decisions.made(cell);
  if (filter === "decided") return Boolean(decisions.made(cell));
  return cell.reason === filter;
}

// The next cell that is wanted, from the current one on and round to it; -1 where there is none.
function find(step, wanted) {
  const count = data.cells.length;
  for (let far = 1; far < count; far++) {
    const place = (current + step * far + count * far) % count;
    if (wanted(data.cells[place])) return place;
  }
  return -1;
}

function go(place) {
  if (place < 0) return say("No other cell in this list");
  show(place);
  focusCell();
}

function show(place) {
  current = place;
  decisions.at = data.cells[place].image_id;
  decisions.keep();
  showCell();
}

// Away from the button that was pressed: Enter means the next cell, not that button again.
function focusCell() { $("place").focus({ preventScroll: true }); }

// ---- what is shown

function say(text) { $("live").textContent = text; }

function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function note(text) {
  $("note").textContent = text;
  $("note").hidden = !text;
}

function showCell() {
  const cell = data.cells[current];
  if (!cell) return;
  const made = decisions.made(cell);
  const label = cell.label || "unlabelled";
  showPicture($("picture"), cell.picture, `Cell ${current + 1}, ${label}`);
  $("picture").style.setProperty("--wide", `${3 * cell.width}px`);
  $("no-picture").hidden = Boolean(cell.picture);
  $("path").textContent = cell.path;
  $("place").textContent = `Cell ${current + 1} of ${data.cells.length}`;
  $("why").textContent = cell.why;
  $("label").textContent = label;
  $("made").replaceChildren(...madeWords(cell, made));
  showClasses(cell, made);
  $("confirm").replaceChildren(
    element("kbd", { textContent: "Enter" }), cell.label ? ` Confirm ${cell.label}` : " No label to confirm",
  );
  $("confirm").disabled = !cell.label;
  $("undo").disabled = decisions.past.length === 0;
  $("take-back").hidden = !made;
  showAround(cell);
  markCurrent();
}

function madeWords(cell, made) {
  if (!made) return [element("span", { className: "aside", textContent: "Not decided yet" })];
  const by = [made.reviewer, `${made.time.slice(0, 16).replace("T", " ")} UTC`].filter(Boolean);
  if (made.label !== cell.label) by.push(`when it was ${made.label || "unlabelled"}`);
  return [
    `${MARKS[decisions.outcome(cell)]} Decided: `,
    element("strong", { textContent: made.action === "exclude" ? "excluded" : made.decision }),
    element("span", { className: "aside", textContent: ` ${by.join(", ")}` }),
  ];
}

function showClasses(cell, made) {
  const top = cell.probabilities.indexOf(Math.max(...cell.probabilities));
  data.classes.forEach((name, code) => {
    const button = $("classes").children[code].firstChild;
    const part = (name) => button.querySelector(`.${name}`);
    part("fill").style.setProperty("--share", `${100 * cell.probabilities[code]}%`);
    part("share").textContent = cell.probabilities[code].toFixed(2);
    const said = [];
    if (name === cell.label) said.push("current label");
    if (code === top) said.push("most likely");
    const chosen = made?.action === "label" && made.decision === name;
    if (chosen) said.push("decided ✓");
    part("tags").textContent = said.join(" · ");
    button.classList.toggle("label", name === cell.label);
    button.setAttribute("aria-pressed", String(chosen));
  });
  $("exclude").setAttribute("aria-pressed", String(made?.action === "exclude"));
}

function showAround(cell) {
  $("neighbourhood").hidden = cell.neighbours.length === 0;
  $("neighbours").replaceChildren(...cell.neighbours.map((place) => {
    const near = data.neighbours[place];
    const image = element("img");
    showPicture(image, near.picture, `A cell labelled ${near.label}`);
    const picture = near.picture ? image : element("p", { className: "absent", textContent: "no image" });
    const same = near.label === cell.label ? " same" : "";
    return element("li", { title: near.path }, picture, element("p", {},
      element("strong", { className: `near${same}`, textContent: near.label }),
      element("span", { className: "aside", textContent: near.patient && `patient ${near.patient}` })));
  }));
  $("surroundings").hidden = !cell.context;
  $("context-title").textContent = cell.context_title;
  showPicture($("context"), cell.context, cell.context_title);
  const facts = [["Patient", cell.patient], ["Group", cell.group], ["Image", cell.image_id]];
  $("about").replaceChildren(...facts.filter(([, value]) => value).map(([name, value]) =>
    element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value }))));
}

function showTally() {
  const total = data.cells.length, count = { confirmed: 0, changed: 0, labelled: 0, excluded: 0 };
  for (const cell of data.cells) {
    const outcome = decisions.outcome(cell);
    if (outcome) count[outcome] += 1;
  }
  const done = decisions.here().length, elsewhere = decisions.elsewhere().length;
  const parts = Object.entries(count).filter(([, number]) => number);
  const rest = parts.map(([what, number]) => `${number} ${what}`).join(", ");
  $("tally").textContent = `${done} of ${total} decided${rest ? `: ${rest}` : ""}`
    + (elsewhere ? `; and ${elsewhere} about cells of an earlier page` : "");
  $("progress").max = Math.max(1, total);
  $("progress").value = done;
  $("download").disabled = done + elsewhere === 0;
  const safe = done + elsewhere > 0 && decisions.downloaded;
  $("download").textContent = safe ? "Downloaded ✓" : "Download decisions";
  $("download").classList.toggle("main", !safe);
  $("elsewhere").hidden = elsewhere === 0;
  $("unkept").hidden = decisions.kept;
  $("unnamed").hidden = Boolean(decisions.reviewer) || total === 0 || $("who").open;
  $("damaged").hidden = !decisions.damaged;
}

function showFilter() {
  const said = [["all", "All"], ["open", "Open"], ["decided", "Decided"]];
  for (const [reason, name] of Object.entries(REASONS)) {
    if (data.cells.some((cell) => cell.reason === reason)) said.push([reason, name]);
  }
  if (!said.some(([value]) => value === decisions.filter)) decisions.filter = "all";
  const was = decisions.filter;
  $("filter").replaceChildren(...said.map(([value, name]) => {
    decisions.filter = value;
    const option = element("option", { value, selected: value === was });
    option.textContent = `${name} (${data.cells.filter(passes).length})`;
    return option;
  }));
  decisions.filter = was;
}

function showStrip() {
  [...$("strip").children].forEach((item, place) => {
    const cell = data.cells[place], outcome = decisions.outcome(cell);
    item.hidden = !passes(cell);
    const button = item.firstChild;
    button.lastChild.textContent = MARKS[outcome] ?? "";
    button.lastChild.className = `mark ${outcome}`;
    button.setAttribute("aria-label", `Cell ${place + 1}, ${cell.label || "unlabelled"}, ${outcome || "open"}`);
  });
}

function markCurrent() {
  [...$("strip").children].forEach((item, place) => {
    if (place === current) item.firstChild.setAttribute("aria-current", "true");
    else item.firstChild.removeAttribute("aria-current");
  });
  const item = $("strip").children[current], strip = $("strip");
  const left = item.offsetLeft - (strip.clientWidth - item.offsetWidth) / 2;
  if (!item.hidden) strip.scrollTo({ left: left - strip.offsetLeft });
}

function showAll() { showTally(); showFilter(); showStrip(); }
