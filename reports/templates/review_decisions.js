// The decisions: CSV in and out, kept in the browser, every step of them undone again.

const COLUMNS = ["image_id", "path", "sha256", "label", "action", "decision", "reviewer", "time"];
const ACTIONS = ["label", "exclude"];
const NAME_KEY = "blastline-reviewer";  // one name for the pages of all runs
const isText = (value) => typeof value === "string";

function writeCsv(rows) {
  const field = (text) => /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  return [COLUMNS, ...rows].map((row) => row.map(field).join(",") + "\r\n").join("");
}

// RFC 4180; any line ends.
function readCsv(text) {
  const rows = [];
  let row = [], field = "", quoted = false;
  const endField = () => { row.push(field); field = ""; };
  const endRow = () => { endField(); rows.push(row); row = []; };
  for (let i = text.startsWith("\ufeff") ? 1 : 0; i < text.length; i++) {
    const sign = text[i];
    if (quoted && sign === '"' && text[i + 1] === '"') { field += '"'; i++; }
    else if (quoted && sign === '"') quoted = false;
    else if (quoted) field += sign;
    else if (sign === '"' && field === "") quoted = true;
    else if (sign === ",") endField();
    else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[i + 1] === "\n") i++;
      endRow();
    } else field += sign;
  }
  if (quoted) throw new Error("a quoted cell never ends: the file is cut short");
  if (field !== "" || row.length) endRow();
  return rows.filter((each) => each.length > 1 || each[0] !== "");
}

// Decisions about cells that this page does not ask for stay: an earlier page of the run asked for them.
class Decisions {
  // decided: image id -> what COLUMNS name, as it was when the cell was shown
  // past: steps to undo, each {at, before: [[image id, what was decided before or null], ...]}
  constructor(data, changedElsewhere) {
    this.cells = data.cells;
    this.classes = data.classes;
    this.cell = new Map(data.cells.map((cell) => [cell.image_id, cell]));
    this.key = data.key;
    this.kept = true;
    this.damaged = false;
    this.restore();
    if (!this.reviewer) this.reviewer = data.reviewer || this.stored(NAME_KEY) || "";
    this.probe();
    window.addEventListener("storage", (event) => {
      if (event.key !== this.key || event.newValue === null) return;
      this.restore();
      changedElsewhere();
    });
  }

  stored(key) {
    try { return localStorage.getItem(key); } catch { this.kept = false; return null; }
  }

  restore() {
    const begun = { decided: [], past: [], at: "", filter: "all", reviewer: "", downloaded: true };
    let state = begun;
    try {
      state = JSON.parse(this.stored(this.key)) ?? begun;
      if (!this.sound(state)) throw new TypeError("not what keep() writes");
    } catch { state = begun; this.damaged = true; }
    this.decided = new Map(state.decided.map((made) => [made.image_id, made]));
    // Undo shows what it takes back, so it goes no further than the steps made on this page.
    this.past = state.past.slice(state.past.findLastIndex(({ at }) => !this.cell.has(at)) + 1);
    for (const name of ["at", "filter", "reviewer", "downloaded"]) this[name] = state[name];
  }

  sound({ decided, past, at, filter, reviewer, downloaded }) {
    const isMade = (made) => COLUMNS.every((name) => isText(made[name])) && ACTIONS.includes(made.action);
    const isStep = (step) => isText(step.at) && step.before.every(
      ([id, made]) => isText(id) && (made === null || isMade(made)));
    return decided.every(isMade) && past.every(isStep) && [at, filter, reviewer].every(isText)
      && typeof downloaded === "boolean";
  }

  // Whether the browser keeps anything. Not by writing the state: a page that has just been opened
  // may not see yet what the one before it wrote, and must not write over it.
  probe() {
    try {
      localStorage.setItem(`${NAME_KEY}-probe`, "1");
      localStorage.removeItem(`${NAME_KEY}-probe`);
    } catch { this.kept = false; }
  }

  keep() {
    const { past, at, filter, reviewer, downloaded } = this;
    const state = { decided: [...this.decided.values()], past, at, filter, reviewer, downloaded };
    try {
      localStorage.setItem(this.key, JSON.stringify(state));
      this.kept = true;
    } catch { this.kept = false; }
  }

  name(reviewer) {
    this.reviewer = reviewer.trim();
    try { localStorage.setItem(NAME_KEY, this.reviewer); } catch { /* keep() says so */ }
    this.keep();
  }

  // What was decided about a cell; of another picture under its name it says nothing.
  made(cell) {
    const made = this.decided.get(cell.image_id);
    return made?.sha256 === cell.sha256 ? made : undefined;
  }

  here() { return this.cells.map((cell) => this.made(cell)).filter(Boolean); }

  elsewhere() { return [...this.decided.values()].filter(({ image_id: id }) => !this.cell.has(id)); }

  // What a decision amounts to: "", confirmed, changed, labelled or excluded.
  outcome(cell) {
    const made = this.made(cell);
    if (!made) return "";
    if (made.action === "exclude") return "excluded";
    if (!cell.label) return "labelled";
    return made.decision === cell.label ? "confirmed" : "changed";
  }

  change(changes, at) {
    const before = changes.map(([id]) => [id, this.decided.get(id) ?? null]);
    this.put(changes);
    this.past.push({ at, before });
    this.downloaded = this.decided.size === 0;
    this.keep();
  }

  put(changes) {
    for (const [id, made] of changes) {
      if (made) this.decided.set(id, made); else this.decided.delete(id);
    }
  }

  decide(cell, action, decision) {
    const time = new Date().toISOString().slice(0, 19) + "Z";
    const { image_id, path, sha256, label } = cell;
    const made = { image_id, path, sha256, label, action, decision, reviewer: this.reviewer, time };
    this.change([[cell.image_id, made]], cell.image_id);
  }

  takeBack(cell) { this.change([[cell.image_id, null]], cell.image_id); }

  forgetElsewhere(at) { this.change(this.elsewhere().map(({ image_id: id }) => [id, null]), at); }

  // The id of the cell where the last step was made, and that step taken back.
  undo() {
    const step = this.past.pop();
    this.put(step.before);
    this.downloaded = this.decided.size === 0;
    this.keep();
    return step.at;
  }

  csv() {
    const rows = [...this.here(), ...this.elsewhere()];
    return writeCsv(rows.map((made) => COLUMNS.map((name) => made[name])));
  }

  // All rows or, of a malformed file, none; of two decisions about a cell the later one stands.
  load(text, at) {
    const [header = [], ...rows] = readCsv(text);
    const missing = COLUMNS.find((name) => !header.includes(name));
    if (missing) throw new Error(`column '${missing}' is missing; expected ${COLUMNS.join(", ")}`);
    const later = new Map();
    let replaced = 0;
    rows.forEach((row, number) => {
      const where = `row ${number + 2}`;
      if (row.length !== header.length) {
        throw new Error(`${where}: ${row.length} columns, expected ${header.length}`);
      }
      const said = Object.fromEntries(header.map((name, place) => [name, row[place]]));
      this.refuseOdd(said, where);
      const { image_id: id, sha256, time } = said;
      const cell = this.cell.get(id);
      if (cell && cell.sha256 !== sha256) { replaced += 1; return; }
      const known = later.get(id) ?? (cell ? this.made(cell) : this.decided.get(id));
      if (known && known.time >= time) return;
      later.set(id, Object.fromEntries(COLUMNS.map((name) => [name, said[name]])));
    });
    if (later.size) this.change([...later], at);
    const elsewhere = [...later.keys()].filter((id) => !this.cell.has(id)).length;
    return { rows: rows.length, taken: later.size, elsewhere, replaced };
  }

  refuseOdd({ image_id: id, sha256, action, decision, time }, where) {
    if (!id) throw new Error(`${where}: the image id is empty`);
    if (!/^[0-9a-f]{64}$/.test(sha256)) {
      throw new Error(`${where}: sha256 '${sha256}'; expected 64 hexadecimal digits`);
    }
    if (!ACTIONS.includes(action)) {
      throw new Error(`${where}: unknown action '${action}'; expected ${ACTIONS.join(" or ")}`);
    }
    if (action === "label" && !this.classes.includes(decision)) {
      throw new Error(`${where}: unknown class '${decision}'; expected ${this.classes.join(", ")}`);
    }
    if (action === "exclude" && decision) {
      throw new Error(`${where}: excluded, and yet of class '${decision}'; expected no class`);
    }
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(time)) {
      throw new Error(`${where}: time '${time}'; expected it like 2026-11-21T22:40:05Z`);
    }
  }
}
