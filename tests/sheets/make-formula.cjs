// Writes the workbook with a formula with SheetJS, which has no result to save: what it holds comes as JSON on standard input.
// See make.py.
const XLSX = require("xlsx");

const { title, rows } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const values = rows.map((cells) => cells.map((one) => one.value));
const sheet = XLSX.utils.aoa_to_sheet(values);
rows.forEach((cells, row) =>
  cells.forEach((one, column) => {
    if (one.formula) sheet[XLSX.utils.encode_cell({ r: row, c: column })] = { t: "n", f: one.formula };
  }),
);
const book = XLSX.utils.book_new();
XLSX.utils.book_append_sheet(book, sheet, title);
XLSX.writeFile(book, process.argv[2]);
