// The decisions: CSV in and out, kept in the browser, every step of them undone again.

const COLUMNS = ["image_id", "path", "sha256", "label", "action", "decision", "reviewer", "time"];
const NAME_KEY = "blastline-reviewer";  // one name for the pages of all runs

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

class Decisions {
  // decided: image id -> {action, decision, reviewer, time}
  // past: steps to undo, each {at, before: [[image id, what was decided before or null], ...]}
  constructor(data, changedElsewhere) {
    this.cells = data.cells;
    this.classes = data.classes;
    this.cell = new Map(data.cells.map((cell) => [cell.image_id, cell]));
    this.key = data.key;
    this.kept = true;
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
    let state = {};
    try { state = JSON.parse(this.stored(this.key)) ?? {}; } catch { /* damaged: begin anew */ }
    this.decided = new Map(state.decided ?? []);
    this.past = state.past ?? [];
    this.at = state.at ?? "";
    this.filter = state.filter ?? "all";
    this.reviewer = state.reviewer ?? "";
    this.downloaded = state.downloaded ?? true;
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
    const state = { decided: [...this.decided], past, at, filter, reviewer, downloaded };
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

  // What a decision amounts to: "", confirmed, changed, labelled or excluded.
  outcome(cell) {
    const made = this.decided.get(cell.image_id);
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
    const made = { action, decision, reviewer: this.reviewer, time };
    this.change([[cell.image_id, made]], cell.image_id);
  }

  takeBack(cell) { this.change([[cell.image_id, null]], cell.image_id); }

  // The id of the cell where the last step was made, and that step taken back.
  undo() {
    const step = this.past.pop();
    this.put(step.before);
    this.downloaded = this.decided.size === 0;
    this.keep();
    return step.at;
  }

  csv() {
    const made = this.cells.filter((cell) => this.decided.has(cell.image_id));
    return writeCsv(made.map((cell) => {
      const { action, decision, reviewer, time } = this.decided.get(cell.image_id);
      return [cell.image_id, cell.path, cell.sha256, cell.label, action, decision, reviewer, time];
    }));
  }

  // All rows or none; of two decisions about a cell the later one stands.
  load(text, at) {
    const [header = [], ...rows] = readCsv(text);
    const missing = COLUMNS.find((name) => !header.includes(name));
    if (missing) throw new Error(`column '${missing}' is missing; expected ${COLUMNS.join(", ")}`);
    const later = new Map();
    rows.forEach((row, number) => {
      const where = `row ${number + 2}`;
      if (row.length !== header.length) {
        throw new Error(`${where}: ${row.length} columns, expected ${header.length}`);
      }
      const said = Object.fromEntries(header.map((name, place) => [name, row[place]]));
      this.refuseOdd(said, where);
      const { image_id: id, action, decision, reviewer, time } = said;
      const known = later.get(id) ?? this.decided.get(id);
      if (!known || known.time < time) later.set(id, { action, decision, reviewer, time });
    });
    if (later.size) this.change([...later], at);
    return { rows: rows.length, taken: later.size };
  }

  refuseOdd({ image_id: id, sha256, action, decision, time }, where) {
    const cell = this.cell.get(id);
    if (!cell) throw new Error(`${where}: image id '${id}' is not among the cells of this page`);
    if (sha256 !== cell.sha256) throw new Error(`${where}: '${id}' was another picture (SHA-256)`);
    if (action !== "label" && action !== "exclude") {
      throw new Error(`${where}: unknown action '${action}'; expected label or exclude`);
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
