"""Makes the workbooks of this directory, each kind of them by several programs.

    python3 -m venv venv && venv/bin/pip install openpyxl==3.1.5 XlsxWriter==3.2.9
    npm install exceljs@4.4.0 xlsx@0.18.5
    venv/bin/python make.py

LibreOffice (soffice) has to be installed. The workbooks are committed: the tests need none of these programs.
"""

import datetime
import json
import subprocess
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import xlsxwriter

HERE = Path(__file__).parent
AGREEMENT = "xinhui-taishan-framework-2022"

# What a sheet holds: rows of cells. A cell is a value, or a value with its format, or a formula.


def cell(value, fmt=None, formula=None):
    return {"value": value, "format": fmt, "formula": formula}


def merged():
    rows = [["代码", "协议", "名称", "到期日", "备注"]]
    for number in (1, 2, 3):
        rows.append([f"merged-{number}", AGREEMENT if number == 1 else None, f"第{number}项", "2027-03-31", "三行合一" if number == 1 else None])
    return "里程碑", rows, ["B2:B4", "E2:E4"]


def across():
    rows = [["代码", "协议", "名称", "到期日", "预计日期", "备注"],
            ["across-1", AGREEMENT, "第1项", "2027-03-31", None, "甲"]]
    return "里程碑", rows, ["D2:E2"]


def formula():
    rows = [["代码", "协议", "名称", "到期日", "备注"],
            ["formula-1", AGREEMENT, "第1项", "2027-03-31", cell(None, formula='CONCATENATE(C2,"备注")')]]
    return "里程碑", rows, []


def formats():
    day = datetime.datetime(2023, 8, 3, 14, 30)
    rows = [["代码", "协议", "名称", "到期日", "进度（%）", "备注"],
            ["formats-1", AGREEMENT, "第1项", cell(day, "yyyy/m/d"), cell(0.35, "0%"), cell(8, "000")],
            ["formats-2", AGREEMENT, "第2项", cell(day, 'yyyy"年"m"月"d"日"'), cell(35, "0\\%"), cell(8.5 / 24, "h:mm")],
            ["formats-3", AGREEMENT, "第3项", cell(day, "yyyy-mm-dd"), cell(35, '0"%"'), cell(440705199001, "000000000000")],
            ["formats-4", AGREEMENT, "第4项", cell(day, "[$-804]yyyy\"年\"m\"月\"d\"日\";@"), cell(35, "0"), cell(36.5 / 24, "[h]:mm")],
            ["formats-5", AGREEMENT, "第5项", cell(day, "d/m/yyyy"), cell(35, "General"), cell(1234567, '#,##0.00" 元"')]]
    return "里程碑", rows, []


def misread():
    day = datetime.datetime(2026, 3, 1)
    rows = [["代码", "协议", "名称", "到期日", "进度（%）", "备注"],
            [cell(day, 'm"月"d"日"'), AGREEMENT, "第1项", "2027-03-31", 1, "甲"],
            ["misread-2", AGREEMENT, cell(day, "m-d"), "2027-03-31", 2, "甲"],
            ["misread-3", AGREEMENT, "第3项", cell(day, 'yyyy"年"m"月"'), 3, "甲"],
            ["misread-4", AGREEMENT, "第4项", "2027-03-31", cell(day, "yyyy-mm-dd"), "甲"],
            ["misread-5", AGREEMENT, "第5项", "2027-03-31", 5, cell(440705199001011234, "General")],
            ["misread-6", AGREEMENT, "第6项", "2027-03-31", 6, cell(5, ";;;")]]
    return "里程碑", rows, []


# Three workbooks as the offices of a county keep them.


def clerk_milestones():
    rows = [["2026年东西部协作重点任务台账", None, None, None, None, None, None, None, None],
            ["填报单位：新会区发展和改革局", None, None, None, None, None, None, "填报日期：2026年1月5日", None],
            ["序号", "代码*", "协议\n（代码或名称）", "重点任务名称", "名称", "责任单位", "到期日\n（年/月/日）", "进度(%)", "备注"],
            [1, "clerk-road", AGREEMENT, "路", "修建对接公路", "江门市人民政府", "2026年3月31日", cell(0.35, "0%"), "按月调度"],
            [2, "clerk-park", None, "园", "选定园区用地 ", None, "２０２６年 6 月 30 日", cell(20, "0\\%"), None],
            [3, "clerk-school", None, "校", "选派　教师", None, cell(datetime.datetime(2026, 9, 1, 9, 0), "yyyy/m/d"), 0, "已报　教育局\u200b"],
            ["合计", None, None, None, None, None, None, None, None],
            ["备注：进度按季度填报。", None, None, None, None, None, None, None, None],
            ["填表人：张三", None, None, None, None, "审核人：李四", None, None, None]]
    return "里程碑", rows, ["A1:I1", "A2:F2", "C4:C6", "F4:F6", "I4:I5", "A8:I8"]


def clerk_projects():
    rows = [["对口帮扶项目投资情况表", None, None, None, None, None, None],
            [None, None, None, None, None, None, "单位：万元"],
            ["序号", "代码", "结对", "名称", "计划\n开始", "投资额", "备注"],
            [1, "clerk-plant", "新会区—台山市", "共建产业园", "2026.3.1", cell(1234.5, "#,##0.00"), None],
            [2, "clerk-bridge", "新会区—台山市 ", "对接大桥", "2026-05-01", "1,200", "含征地"],
            [3, "clerk-clinic", "xinhui-taishan", "卫生院", "2026/7/1", cell(0.123456, "0.00"), None],
            ["合  计", None, None, None, None, cell(2434.623456, "#,##0.00"), None]]
    return "Sheet1", rows, ["A1:G1", "C4:C5"]


def clerk_transactions(amount="￥1,200.50", day="2022年6月"):
    rows = [["代码", "类别", "金额（万元）", "日期", "结对", "出资方", "备注"],
            ["clerk-paid-1", "拨付", 3.5, "2022.4.11", "xinhui-taishan", "江门市人民政府", "第一批"],
            ["clerk-paid-2", "拨付", amount, cell(datetime.datetime(2022, 5, 6), "yyyy\"年\"m\"月\"d\"日\""), None, None, None],
            ["clerk-paid-3", "拨付", cell(2, '0.00"万元"'), day, None, None, None],
            ["注：金额以财政部门核定为准。", None, None, None, None, None, None]]
    return "Sheet1", rows, ["E2:E4", "F2:F4", "A5:G5"]


def mended_transactions():
    """The same after what the faults ask for."""
    return clerk_transactions("1,200.50", "2022年6月1日")


SHEETS = {"merged": merged, "across": across, "formula": formula, "formats": formats, "misread": misread,
          "clerk-milestones": clerk_milestones, "clerk-projects": clerk_projects, "clerk-transactions": clerk_transactions, "clerk-transactions-mended": mended_transactions}
# Which program makes which; LibreOffice computes formulas, so that it has none without a result.
EMPTY_SHEETS = {"clerk-projects", "clerk-transactions"}


def parts(one):
    return one if isinstance(one, dict) else cell(one)


def by_openpyxl(name, path):
    title, rows, ranges = SHEETS[name]()
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row, cells in enumerate(rows, 1):
        for column, one in enumerate(cells, 1):
            one = parts(one)
            value = f"={one['formula']}" if one["formula"] else one["value"]
            if value is None:
                continue
            made = sheet.cell(row, column, value)
            if one["format"]:
                made.number_format = one["format"]
    for merge in ranges:
        sheet.merge_cells(merge)
    if name in EMPTY_SHEETS:
        book.create_sheet("Sheet2")
        book.create_sheet("Sheet3").sheet_state = "hidden"
        book["Sheet3"]["A1"] = "隐藏"
    book.save(path)


def by_xlsxwriter(name, path):
    title, rows, ranges = SHEETS[name]()
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet(title)
    anchors = {merge.split(":")[0]: merge for merge in ranges}
    for row, cells in enumerate(rows):
        for column, one in enumerate(cells):
            one = parts(one)
            fmt = book.add_format({"num_format": one["format"]} if one["format"] else {})
            place = xlsxwriter.utility.xl_rowcol_to_cell(row, column)
            if place in anchors:
                sheet.merge_range(anchors[place], one["value"] if one["value"] is not None else "", fmt)
            elif one["formula"]:
                sheet.write_formula(row, column, "=" + one["formula"])
            elif isinstance(one["value"], datetime.datetime):
                sheet.write_datetime(row, column, one["value"], fmt)
            elif one["value"] is not None:
                sheet.write(row, column, one["value"], fmt)
    if name in EMPTY_SHEETS:
        book.add_worksheet("Sheet2")
    book.close()


def by_node(script, name, path):
    title, rows, ranges = SHEETS[name]()
    plain = json.dumps({"title": title, "ranges": ranges, "rows": [[parts(one) for one in row] for row in rows],
                        "empty": name in EMPTY_SHEETS},
                       default=lambda day: {"day": day.strftime("%Y-%m-%dT%H:%M:%SZ")})
    subprocess.run(["node", str(HERE / script), str(path)], input=plain.encode(), check=True)


def by_libreoffice(names, suffix):
    """Opens what openpyxl made and saves it again."""
    with tempfile.TemporaryDirectory() as folder:
        sources = []
        for name in names:
            source = Path(folder, f"{name}-libreoffice.xlsx")
            by_openpyxl(name, source)
            sources.append(str(source))
        subprocess.run(["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to",
                        "xlsx:Calc MS Excel 2007 XML", "--outdir", str(HERE), *sources], check=True)


def by_hand(name, path):
    """The least that a workbook can be: inline strings, no shared ones, styles for formats alone."""
    title, rows, ranges = SHEETS[name]()
    codes, body = [], []
    for row, cells in enumerate(rows, 1):
        body.append(f'<row r="{row}">')
        for column, one in enumerate(cells):
            one = parts(one)
            place = f"{chr(65 + column)}{row}"
            style = ""
            if one["format"] and one["format"] != "General":
                if one["format"] not in codes:
                    codes.append(one["format"])
                style = f' s="{codes.index(one["format"]) + 1}"'
            value = one["value"]
            if one["formula"]:
                body.append(f'<c r="{place}"{style}><f>{escape(one["formula"])}</f></c>')
            elif isinstance(value, datetime.datetime):
                serial = (value - datetime.datetime(1904, 1, 1)) / datetime.timedelta(days=1)
                body.append(f'<c r="{place}"{style}><v>{serial!r}</v></c>')
            elif isinstance(value, (int, float)):
                body.append(f'<c r="{place}"{style}><v>{value!r}</v></c>')
            elif value is not None:
                body.append(f'<c r="{place}"{style} t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>')
        body.append("</row>")
    merges = "".join(f'<mergeCell ref="{merge}"/>' for merge in ranges)
    merges = f'<mergeCells count="{len(ranges)}">{merges}</mergeCells>' if ranges else ""
    formats = "".join(f'<numFmt numFmtId="{164 + at}" formatCode="{escape(code)}"/>' for at, code in enumerate(codes))
    styles = '<xf numFmtId="0"/>' + "".join(f'<xf numFmtId="{164 + at}" applyNumberFormat="1"/>' for at in range(len(codes)))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><workbookPr date1904="1"/><sheets><sheet name="{title}" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><numFmts count="{len(codes)}">{formats}</numFmts><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders><cellXfs count="{len(codes) + 1}">{styles}</cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(body)}</sheetData>{merges}</worksheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), f'<?xml version="1.0" encoding="UTF-8"?>{text}', zipfile.ZIP_DEFLATED)


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


for name in SHEETS:
    by_openpyxl(name, HERE / f"{name}-openpyxl.xlsx")
    by_xlsxwriter(name, str(HERE / f"{name}-xlsxwriter.xlsx"))
    by_node("make.cjs", name, HERE / f"{name}-exceljs.xlsx")
    by_hand(name, HERE / f"{name}-hand.xlsx")
by_node("make-formula.cjs", "formula", HERE / "formula-sheetjs.xlsx")
by_libreoffice([name for name in SHEETS if name != "formula"], "libreoffice")
