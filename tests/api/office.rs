//! Workbooks that LibreOffice opens and saves again change no record.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};

use super::bundles::fill;
use crate::common::files::{import_files, source_of};
use crate::common::on_each_empty;

/// Makes a missing LibreOffice a failure instead of a skip.
const REQUIRE: &str = "PAIRING_TRACKER_REQUIRE_LIBREOFFICE";

/// Opens workbooks and saves them into another directory; false where there is no LibreOffice.
fn saved_again(files: &[String], profile: &Path, into: &Path) -> bool {
    let run = Command::new("soffice")
        .arg("--headless")
        .arg(format!("-env:UserInstallation=file://{}", profile.display()))
        .args(["--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir"])
        .arg(into)
        .args(files)
        .output();
    match run {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            true
        }
        Err(error) => {
            let required = std::env::var(REQUIRE).is_ok_and(|value| !value.is_empty() && value != "0");
            assert!(!required, "{REQUIRE} is set, and soffice cannot be run: {error}");
            // Written directly to standard error: the test harness shows captured output only for tests that fail.
            let _ = writeln!(std::io::stderr().lock(), "LibreOffice is not installed: its workbooks are not read.");
            false
        }
    }
}

#[test]
fn exports_saved_again_by_libreoffice_change_no_record() {
    on_each_empty(|database| async move {
        let client = database.client();
        fill(&client, &[2; 400]).await;
        let folder = tempfile::tempdir().expect("a directory");
        let exported = client.get("exports/bundle.json").await.expect(200).bytes;
        let exported: Map<String, Value> = serde_json::from_slice(&exported).expect("a bundle");
        assert!(exported.len() >= 19, "{} kinds", exported.len());
        let mut files = Vec::new();
        for language in ["zh", "en"] {
            let headers = [("Accept-Language", language)];
            let path = "exports/bundle.xlsx";
            let response = client.send(actix_web::http::Method::GET, path, &headers, None).await.expect(200);
            let file = folder.path().join(format!("{language}.xlsx"));
            std::fs::write(&file, response.bytes).expect("it can be written");
            files.push(file.display().to_string());
        }
        let again = folder.path().join("again");
        if !saved_again(&files, &folder.path().join("profile"), &again) {
            return;
        }
        for language in ["zh", "en"] {
            let bytes = std::fs::read(again.join(format!("{language}.xlsx"))).expect("a workbook");
            let report = import_files(&database, &mut [source_of("again.xlsx", &bytes)], None, false, false);
            assert_eq!(report.faults, [], "{language}");
            let kinds: std::collections::BTreeSet<&str> =
                report.lines.iter().map(|line| line.resource.as_str()).collect();
            assert_eq!(kinds, exported.keys().map(String::as_str).collect(), "{language}");
            for line in &report.lines {
                assert_eq!(line.outcome.as_str(), "unchanged", "{language}: {line:?}");
            }
        }
    });
}
