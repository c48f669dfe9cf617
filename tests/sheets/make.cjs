// Writes one workbook with exceljs: what it holds comes as JSON on standard input. See make.py.
const ExcelJS = require("exceljs");

const { title, rows, ranges, empty } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const book = new ExcelJS.Workbook();
const sheet = book.addWorksheet(title);
rows.forEach((cells, row) =>
  cells.forEach((one, column) => {
    if (one.value === null && one.formula === null) return;
    const cell = sheet.getCell(row + 1, column + 1);
    const value = one.value !== null && one.value.day ? new Date(one.value.day) : one.value;
    cell.value = one.formula ? { formula: one.formula } : value;
    if (one.format) cell.numFmt = one.format;
  }),
);
ranges.forEach((range) => sheet.mergeCells(range));
if (empty) book.addWorksheet("Sheet2");
book.xlsx.writeFile(process.argv[2]);
