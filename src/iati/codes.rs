//! Mapping of enum values to the codes of IATI's codelists; `None` if a value does not determine the code.

use chrono::NaiveDate;

use crate::resources::{documents, organizations, projects, transactions};

/// Codelist ActivityStatus, for a period on a date.
pub fn status_of_period(starts_on: Option<NaiveDate>, ends_on: Option<NaiveDate>, as_of: NaiveDate) -> &'static str {
    if ends_on.is_some_and(|end| end < as_of) {
        "3"
    } else if starts_on.is_some_and(|start| start > as_of) {
        "1"
    } else {
        "2"
    }
}

/// Codelist ActivityStatus.
pub fn project_status(status: projects::Status) -> &'static str {
    use projects::Status::{Cancelled, Completed, InProgress, Planned, Proposed, Suspended};
    match status {
        Proposed | Planned => "1",
        InProgress => "2",
        Completed => "3",
        Cancelled => "5",
        Suspended => "6",
    }
}

/// Codelist OrganisationRole.
pub fn project_role(role: projects::Role) -> &'static str {
    use projects::Role::{Funder, Lead, Participant, Responsible};
    match role {
        Funder => "1",
        Lead => "2",
        Responsible | Participant => "4",
    }
}

/// Codelist OrganisationType. For a party body, association, hospital or park several types are possible.
pub fn organization_type(kind: organizations::Kind) -> Option<&'static str> {
    use organizations::Kind;
    match kind {
        Kind::Government | Kind::Department => Some("11"),
        Kind::Company => Some("70"),
        Kind::School | Kind::Kindergarten => Some("80"),
        Kind::PartyBody | Kind::Association | Kind::Hospital | Kind::Park | Kind::Other => None,
    }
}

/// Codelist TransactionType; `None` for a reversal, which has the type of what it reverses.
pub fn transaction_type(kind: transactions::Kind) -> Option<&'static str> {
    use transactions::Kind;
    match kind {
        Kind::Pledge => Some("12"),
        Kind::Commitment => Some("2"),
        Kind::Disbursement => Some("3"),
        Kind::Expenditure => Some("4"),
        Kind::Reversal => None,
    }
}

/// Codelist DocumentCategory: memorandum of understanding for the text of an agreement, results for a report, otherwise activity
/// web page.
pub fn document_category(kind: Option<documents::Kind>) -> &'static str {
    use documents::Kind;
    match kind {
        Some(Kind::AgreementText) => "A09",
        Some(Kind::Report) => "A08",
        Some(Kind::NewsReport | Kind::Minutes | Kind::Photo | Kind::Other) | None => "A12",
    }
}
