// Headers of sortable tables become buttons; without this script the tables are as they were.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const falling = header.getAttribute("aria-sort") === "ascending";
      headers.forEach((each) => each.setAttribute("aria-sort", "none"));
      header.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const rows = [...body.rows].filter((row) => !row.matches(".total"));
      body.prepend(...rows.sort(order(column, falling)));  // a total stays last
    });
  });
}

// Rows without a value stay last in either direction.
function order(column, falling) {
  const of = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  return (one, other) => {
    const [a, b] = [of(one), of(other)];
    if (a === "" || b === "") return (a === "") - (b === "");
    const numbers = !isNaN(a) && !isNaN(b);
    const rise = numbers ? a - b : a.localeCompare(b, undefined, { numeric: true });
    return falling ? -rise : rise;
  };
}
