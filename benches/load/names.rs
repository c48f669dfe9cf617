//! The rows of the table.

use std::fmt;

/// A row: one kind of request, or one part of a mixed work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Name {
    Ceiling,
    One,
    OneRepeated,
    NotModified,
    Page,
    PageWithTotal,
    DeepPage,
    OtherPages,
    PageRepeated,
    Scorecard,
    OtherScorecards,
    ScorecardRepeated,
    ReadsAlone,
    ReadsBesideWrites,
    WritesBesideReads,
    CreateAlone,
    CreateTogether,
    WriteBeforeScorecard,
    ScorecardAfterWrite,
    FewWrites,
    ManyWrites,
}

impl Name {
    /// Whether its requests alternate with others on one connection.
    pub fn alternates(self) -> bool {
        matches!(self, Name::WriteBeforeScorecard | Name::ScorecardAfterWrite)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Name::Ceiling => "bare server, 2 KB (the ceiling)",
            Name::One => "one by id",
            Name::OneRepeated => "one by id, repeated",
            Name::NotModified => "one by id, If-None-Match",
            Name::Page => "list, page 1",
            Name::PageWithTotal => "list, page 1, count=true",
            Name::DeepPage => "list, deep page",
            Name::OtherPages => "list, other filters and orders",
            Name::PageRepeated => "list, page 1, repeated",
            Name::Scorecard => "scorecard by pairing",
            Name::OtherScorecards => "scorecard, other groups, filters",
            Name::ScorecardRepeated => "scorecard, repeated",
            Name::ReadsAlone => "typical reads, no writes",
            Name::ReadsBesideWrites => "typical reads, 50 creates/s",
            Name::WritesBesideReads => "  the creates",
            Name::CreateAlone => "create, 1 connection",
            Name::CreateTogether => "create, all connections",
            Name::WriteBeforeScorecard => "  the create before it",
            Name::ScorecardAfterWrite => "scorecard right after a create",
            Name::FewWrites => "mixed, 1 create to 113 reads",
            Name::ManyWrites => "mixed, 1 create to 10 reads",
        })
    }
}
