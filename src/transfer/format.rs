//! The file formats of imports.

use crate::text_enum;

text_enum! {
    /// Format of a file.
    Format as "ImportFormat" {
        /// Excel 工作簿: a workbook (Office Open XML) with one sheet per resource.
        Xlsx => "xlsx",
        /// CSV 表格: the table of one resource.
        Csv => "csv",
        /// YAML 数据包: a bundle in YAML.
        Yaml => "yaml",
        /// JSON 数据包: a bundle in JSON.
        Json => "json",
        /// 每行一条 JSON: the records of one resource.
        Ndjson => "ndjson",
    }
}

/// The media type of workbooks.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The first bytes of `.xls` files and encrypted workbooks (OLE containers).
pub const OLE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

impl Format {
    /// Detects the format of a file: a workbook by its first bytes, others by the media type, else by the file extension.
    /// `None` if it is not recognized.
    pub fn of(media_type: &str, file_name: Option<&str>, first_bytes: &[u8]) -> Option<Format> {
        // Any ZIP archive or OLE container: the reader of workbooks explains how to convert those that it cannot read.
        if first_bytes.starts_with(b"PK\x03\x04") || first_bytes.starts_with(&OLE) {
            return Some(Format::Xlsx);
        }
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let by_type = match essence.to_ascii_lowercase().as_str() {
            XLSX => Some(Format::Xlsx),
            "text/csv" | "text/tab-separated-values" => Some(Format::Csv),
            "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Some(Format::Yaml),
            "application/json" => Some(Format::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Format::Ndjson),
            _ => None,
        };
        let extension = file_name.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
        by_type.or_else(|| match extension.unwrap_or_default().to_ascii_lowercase().as_str() {
            "xlsx" | "xlsm" | "xls" => Some(Format::Xlsx),
            // Excel saves tables as "Unicode text" in UTF-16 under this name.
            "csv" | "tsv" | "txt" => Some(Format::Csv),
            "yaml" | "yml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            // Plain text without a known extension is read as a table.
            _ if essence.eq_ignore_ascii_case("text/plain") => Some(Format::Csv),
            _ => None,
        })
    }
}
