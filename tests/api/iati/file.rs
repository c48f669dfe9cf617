//! Reading of an IATI file, and its validation by the official schema and the rules that the schema does not contain.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::common::client::Response;

/// Makes a missing schema or `xmllint` a failure instead of a skip.
const REQUIRE: &str = "PAIRING_TRACKER_REQUIRE_IATI";
/// The directory of the schema's files; `tests/iati/README.md` names their source.
const SCHEMAS: &str = "PAIRING_TRACKER_IATI_SCHEMAS";

/// The schema, if it and `xmllint` are available.
pub static SCHEMA: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let schema = std::env::var_os(SCHEMAS).map(|folder| PathBuf::from(folder).join("iati-activities-schema.xsd"));
    let schema = schema.filter(|schema| schema.is_file());
    let has_xmllint = Command::new("xmllint").arg("--version").output().is_ok_and(|output| output.status.success());
    if has_xmllint && schema.is_some() {
        return schema;
    }
    let required = std::env::var(REQUIRE).is_ok_and(|value| !value.is_empty() && value != "0");
    assert!(!required, "{REQUIRE} is set, and xmllint or the schema in {SCHEMAS} is missing");
    // Written directly to standard error: the test harness shows captured output only for tests that fail.
    let _ = writeln!(
        std::io::stderr().lock(),
        "xmllint or {SCHEMAS} is missing: the IATI file is not held against its schema."
    );
    None
});

/// The schema's errors for a file; `None` if it is valid or there is no schema.
pub fn schema_errors(bytes: &[u8]) -> Option<String> {
    let schema = SCHEMA.as_ref()?;
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("it is written");
    let output = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .args([schema, file.path()])
        .output()
        .expect("xmllint starts");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// An element: its name, attributes, elements within, and text.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    attributes: Vec<(String, String)>,
    pub inner: Vec<Element>,
    pub text: String,
}

impl Element {
    fn begun(start: &BytesStart<'_>) -> Element {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.expect("an attribute");
            let name = attribute.key.as_ref().to_owned();
            let value = quick_xml::escape::unescape(&attribute.value).expect("a value");
            (name, value.into_owned())
        });
        let name = start.name().as_ref().to_owned();
        Element { name, attributes: attributes.collect(), ..Element::default() }
    }

    pub fn get(&self, attribute: &str) -> &str {
        self.attributes.iter().find(|(name, _)| name == attribute).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &Element> + use<'_> {
        let name = name.to_owned();
        self.inner.iter().filter(move |element| element.name == name)
    }

    pub fn first(&self, name: &str) -> &Element {
        self.all(name).next().unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// The text of its narrative in a language.
    pub fn narrative(&self, language: &str) -> &str {
        let found = self.all("narrative").find(|narrative| narrative.get("xml:lang") == language);
        found.map(|narrative| narrative.text.as_str()).unwrap_or_default()
    }
}

fn parsed(bytes: &[u8]) -> Element {
    let mut reader = Reader::from_reader(bytes);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(start) => open.push(Element::begun(&start)),
            Event::Empty(start) => open.last_mut().expect("an element").inner.push(Element::begun(&start)),
            Event::End(_) => {
                let done = open.pop().expect("an element");
                open.last_mut().expect("an element").inner.push(done);
            }
            Event::Text(text) => open.last_mut().expect("an element").text.push_str(&text),
            Event::GeneralRef(reference) => {
                let text = format!("&{};", &*reference);
                let text = quick_xml::escape::unescape(&text).expect("a reference").into_owned();
                open.last_mut().expect("an element").text.push_str(&text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    open.pop().and_then(|mut root| root.inner.pop()).expect("a document")
}

/// The order of an activity's elements in the schema, as far as the file has them.
const ORDER: [&str; 15] = [
    "iati-identifier",
    "reporting-org",
    "title",
    "description",
    "participating-org",
    "activity-status",
    "activity-date",
    "recipient-country",
    "location",
    "sector",
    "tag",
    "budget",
    "transaction",
    "document-link",
    "related-activity",
];

/// The activities of a file, which is checked against the schema and the rules below.
pub fn activities(response: &Response) -> Vec<Element> {
    assert_eq!(response.header("content-type"), "application/xml");
    assert_eq!(schema_errors(&response.bytes), None);
    let root = parsed(&response.bytes);
    assert_eq!((root.name.as_str(), root.get("version")), ("iati-activities", "2.03"));
    let identifiers: Vec<&str> =
        root.inner.iter().map(|activity| activity.first("iati-identifier").text.as_str()).collect();
    for activity in &root.inner {
        let places: Vec<usize> = activity
            .inner
            .iter()
            .map(|element| ORDER.iter().position(|name| *name == element.name).unwrap_or(ORDER.len()))
            .collect();
        assert!(places.is_sorted(), "{activity:?}");
        for name in &ORDER[..7] {
            assert!(activity.all(name).count() > 0, "{name} in {activity:?}");
        }
        let shares: Vec<f64> =
            activity.all("sector").map(|sector| sector.get("percentage").parse().expect("a share")).collect();
        assert!(shares.is_empty() || (shares.iter().sum::<f64>() - 100.0).abs() < 1e-9, "{shares:?}");
        for related in activity.all("related-activity") {
            assert!(identifiers.contains(&related.get("ref")), "{related:?}");
        }
    }
    let distinct: std::collections::BTreeSet<&&str> = identifiers.iter().collect();
    assert_eq!(distinct.len(), identifiers.len(), "{identifiers:?}");
    root.inner
}

pub fn activity_of<'a>(activities: &'a [Element], identifier: &str) -> &'a Element {
    let found = activities.iter().find(|activity| activity.first("iati-identifier").text == identifier);
    found.unwrap_or_else(|| panic!("no {identifier}"))
}
