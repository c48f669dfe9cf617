//! A programme as an IATI activity file, version 2.03 (the International Aid Transparency Initiative's standard).
//!
//! | IATI | from |
//! |---|---|
//! | activity, hierarchy 1, 2, 3 | the programme, its pairings, their projects; tied by `related-activity` |
//! | `iati-identifier` | the reporting organisation's identifier, the kind and the code: `CN-1-pairing-xinhui-taishan` |
//! | `participating-org` | the programme's lead body (accountable); a pairing's supporters (funding), recipients (implementing) |
//! | `activity-status` | a project's status; else the period on `as_of` |
//! | `location` | a pairing's recipients, a project's location |
//! | `sector`, `tag` | a project's sectors by their shares; a single sector is the whole; several without shares are tags |
//! | `budget` | a project's investment, where its planned period is known and of a year at most; else it is told in words |
//! | `transaction` | the ledger, without what only passes through; a reversal is a negative value of what it reverses |
//! | `document-link` | cited documents that have a URL |
//! | `result` | commitments with a number, and the reports on them that count |
//!
//! Nothing is invented. What the standard asks for and the records do not have is either given by who asks for the file
//! ([`api::IatiParams`]) or told for what it is: a date that is taken from another record says so in its narrative. Where
//! no date can be found at all, the file is refused, since the schema wants one. Divisions of GB/T 2260 stand as
//! `location/@ref`, the reporter's own reference, because the standard's list of vocabularies does not have them.
//! Persons are in no file. Funds have no amount of their own, so that they give no budget: their ledger entries are told.

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

/// What the records do not have: who reports, and the list that sectors are of.
#[derive(Clone, Debug)]
struct Reporter {
    /// The identifier of the reporting organisation.
    identifier: String,
    /// Its type, by the codelist OrganisationType.
    kind: String,
    /// Its name; the programme's lead body unless given.
    name: Option<String>,
    /// Where the sectors' list is published.
    sectors_uri: Option<String>,
    as_of: NaiveDate,
}

impl Reporter {
    /// The identifier of an activity: a code is one record's of a kind for ever, and of no other of that kind.
    fn activity(&self, kind: &str, code: &str) -> String {
        format!("{}-{kind}-{code}", self.identifier)
    }
}
