//! Export of a programme as an IATI activity file, version 2.03 (International Aid Transparency Initiative).
//!
//! | IATI | source |
//! |---|---|
//! | activity, hierarchy 1, 2, 3 | the programme, its pairings, their projects; linked by `related-activity` |
//! | `iati-identifier` | the reporting organisation's identifier, the kind and the code: `CN-1-pairing-xinhui-taishan` |
//! | `participating-org` | the programme's lead body (accountable); a pairing's supporters (funding), recipients (implementing) |
//! | `activity-status` | a project's status; for others the period on `as_of` |
//! | `location` | a pairing's recipients, a project's location |
//! | `sector`, `tag` | a project's sectors with their shares; a single sector has 100 percent; several without shares are tags |
//! | `budget` | a project's investment, if its planned period is known and at most a year; otherwise it is in the description |
//! | `transaction` | the ledger without pass-through entries; a reversal is a negative entry of the type that it reverses |
//! | `document-link` | cited documents with a URL |
//! | `result` | commitments with an indicator, and the approved reports on them |
//!
//! The file contains no invented data. Data that the standard requires and the records do not have is given by parameters
//! ([`api::IatiParams`]) or marked: a date taken from another record has a narrative that says so. If no date is found at all,
//! the request is refused, because the schema requires one. Divisions of GB/T 2260 are written as `location/@ref`, the
//! reporter's own reference, because the standard has no vocabulary for them. The file contains no persons. Funds have no amount
//! of their own and therefore no budget; their ledger entries are exported.

pub mod api;
mod codes;
mod dates;
mod details;
mod money;
mod results;
mod store;
mod write;
mod xml;

use chrono::NaiveDate;

/// Data that the records do not have: the reporting organisation, and the vocabulary of sectors.
#[derive(Clone, Debug)]
struct Reporter {
    /// Identifier of the reporting organisation.
    identifier: String,
    /// Its type, by the codelist OrganisationType.
    kind: String,
    /// Its name; by default that of the programme's lead body.
    name: Option<String>,
    /// URI of the published list of sectors.
    sectors_uri: Option<String>,
    as_of: NaiveDate,
}

impl Reporter {
    /// The identifier of an activity. It is stable, because a code is never reused for another record of its kind.
    fn activity(&self, kind: &str, code: &str) -> String {
        format!("{}-{kind}-{code}", self.identifier)
    }
}
