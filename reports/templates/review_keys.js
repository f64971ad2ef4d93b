// What people do: keys, buttons, files; and the first look.

function decide(action, decision) {
  const cell = data.cells[current];
  if (!cell) return;
  const place = current + 1;
  decisions.decide(cell, action, decision);
  after(`Cell ${place} ${action === "exclude" ? "excluded" : `is ${decision}`}`);
  const open = (each) => !decisions.made(each);
  const filter = decisions.filter;
  // A list of decided cells has no open one to go on with.
  const next = find(1, (each) => open(each) && (filter === "decided" || passes(each)));
  if (next >= 0) go(next); else { showCell(); focusCell(); }
}

function after(what) {
  complain("");
  note("");
  showAll();
  const left = data.cells.length - decisions.here().length;
  say(`${what}. ${left ? `${left} left` : "All cells are decided: download the decisions"}`);
}

function undo() {
  if (!decisions.past.length) return say("Nothing to undo");
  const id = decisions.undo();
  after("Undone");
  go(data.cells.findIndex((cell) => cell.image_id === id));
}

function takeBack() {
  decisions.takeBack(data.cells[current]);
  after("Taken back");
  showCell();
  focusCell();
}

function forget() {
  const count = decisions.elsewhere().length;
  decisions.forgetElsewhere(data.cells[current]?.image_id ?? "");
  after("Forgotten");
  showCell();
  note(`${count} decisions about cells of an earlier page are forgotten; Undo brings them back.`);
  focusCell();
}

function skip(step) { go(find(step, passes)); }

function showName() { $("reviewer").value = decisions.reviewer; }

function download() {
  const link = element("a", {
    href: URL.createObjectURL(new Blob([decisions.csv()], { type: "text/csv;charset=utf-8" })),
    download: `decisions-${data.run.replace(/[^\w.-]+/g, "_")}.csv`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  decisions.downloaded = true;
  decisions.keep();
  showTally();
  say(`${decisions.here().length + decisions.elsewhere().length} decisions downloaded`);
  focusCell();
}

async function load(file) {
  try {
    const at = data.cells[current]?.image_id ?? "";
    const { rows, taken, elsewhere, replaced } = decisions.load(await file.text(), at);
    const said = [`${taken} of ${rows} decisions loaded`];
    if (elsewhere) said.push(`${elsewhere} of them about cells that are not on this page`);
    if (replaced) said.push(`${replaced} left out: about pictures that have been replaced since`);
    after(said.join(", "));
    showCell();
    note(`${file.name}: ${said.join(", ")}.`);
  } catch (error) {
    note("");
    complain(`${file.name}: ${error.message}; nothing was loaded.`);
  }
  focusCell();
}

function press(event) {
  const busy = event.target.closest("input, select, textarea");
  if (busy || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  // Enter and space on a button press that button; after a decision the focus leaves it.
  if (event.target.closest("button, a") && (event.key === "Enter" || event.key === " ")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shifted = event.shiftKey && /^[a-z]$/.test(key) ? `⇧${key.toUpperCase()}` : key;
  // Keyboards whose digits need shift still have keys for them.
  const digit = event.shiftKey ? "" : /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1] ?? "";
  const code = KEYS.findIndex((each) => each && (each === shifted || each === digit));
  const meaning = { ArrowRight: () => skip(1), ArrowLeft: () => skip(-1), s: () => skip(1), u: undo,
    "?": () => $("help").showModal(), x: () => decide("exclude", ""), Enter: confirm };
  const act = meaning[shifted] ?? (code < 0 ? null : () => decide("label", data.classes[code]));
  if (!act) return;
  event.preventDefault();
  // A key held down must not decide cell after cell.
  if (!event.repeat || event.key.startsWith("Arrow")) act();
}

function confirm() {
  const cell = data.cells[current];
  if (cell?.label) decide("label", cell.label); else say("There is no label to confirm");
}

function build() {
  $("classes").append(...data.classes.map((name, code) => element("li", {}, element("button",
    { type: "button", onclick: () => decide("label", name) },
    element("kbd", { textContent: KEYS[code] }), element("span", { className: "class", textContent: name }),
    element("span", { className: "tags" }), element("span", { className: "share" }),
    element("span", { className: "bar" }, element("span", { className: "fill" }))))));
  $("classes").classList.toggle("many", data.classes.length > 12);
  // Pictures of the strip are made when they come into sight.
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      const cell = data.cells[Number(target.dataset.place)];
      if (cell.picture) target.prepend(element("img", { src: cell.picture, alt: "" }));
    }
  }, { root: $("strip"), rootMargin: "0px 400px" });
  $("strip").append(...data.cells.map((cell, place) => {
    const button = element("button", { type: "button", data: { place }, onclick: () => go(place) },
      element("span"));
    seen.observe(button);
    return element("li", {}, button);
  }));
}

function ask() {
  $("who-hint").hidden = true;
  $("who").returnValue = "";
  $("who").showModal();
}

// Nobody goes on without a name unawares: what they type next would be taken for keys.
function introduce(event) {
  if (event.submitter?.id === "nameless" || $("who-name").value.trim()) return;
  event.preventDefault();
  $("who-hint").hidden = false;
  $("who-name").focus();
}

function begin() {
  const name = $("who-name").value.trim();
  const nameless = $("who").returnValue === "nameless";
  if (!name && !nameless) { $("who").showModal(); return; }  // browsers close at a second Escape
  decisions.name(nameless ? "" : name);
  showName();
  showTally();
  focusCell();
}

function listen() {
  const clicks = { confirm, undo, download, forget, "take-back": takeBack, next: () => skip(1),
    previous: () => skip(-1), exclude: () => decide("exclude", ""), load: () => $("file").click(),
    "give-name": ask, "open-help": () => $("help").showModal() };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  document.addEventListener("keydown", press);
  $("filter").addEventListener("change", () => {
    decisions.filter = $("filter").value;
    showStrip();
    const first = data.cells.findIndex(passes);
    if (first >= 0 && !passes(data.cells[current])) show(first); else decisions.keep();
    if (pointed) focusCell();  // with the keyboard people go through the lists first
  });
  let pointed = false;
  $("filter").addEventListener("pointerdown", () => { pointed = true; });
  $("filter").addEventListener("keydown", () => { pointed = false; });
  $("reviewer").addEventListener("change", () => { decisions.name($("reviewer").value); showTally(); });
  $("reviewer").addEventListener("keydown", (event) => { if (event.key === "Enter") focusCell(); });
  $("help").addEventListener("close", focusCell);
  $("file").addEventListener("change", async () => {
    await load($("file").files[0]);
    $("file").value = "";  // the same file may be chosen again
  });
  $("who").addEventListener("submit", introduce);
  $("who").addEventListener("cancel", introduce);
  $("who").addEventListener("close", begin);
  window.addEventListener("beforeunload", (event) => {
    if (!decisions.kept && !decisions.downloaded) event.preventDefault();
  });
}

build();
listen();
showName();
$("empty").hidden = data.cells.length > 0;
$("whole").hidden = $("cells").hidden = data.cells.length === 0;
if (data.cells.length && !decisions.reviewer) ask();
showAll();
showCell();
