//! Loading the records of the file.

use std::collections::HashMap;

use super::Reporter;
use crate::db::Conn;
use crate::db::reference::Reference;
use crate::error::Result;
use crate::model::types::Ref;
use crate::record::citations::Citation;
use crate::record::{self, ReadContext, Resource};
use crate::resources::agreements::Agreements;
use crate::resources::agreements::api::{Agreement, AgreementFilter, Sort as AgreementSort};
use crate::resources::commitments::Commitments;
use crate::resources::commitments::api::{Commitment, CommitmentFilter, Sort as CommitmentSort};
use crate::resources::documents::Documents;
use crate::resources::documents::api::Document;
use crate::resources::organizations::Organizations;
use crate::resources::organizations::api::Organization;
use crate::resources::pairings::Pairings;
use crate::resources::pairings::api::{Pairing, PairingFilter};
use crate::resources::progress_reports::api::{ProgressReport, ProgressReportFilter, Sort as ReportSort};
use crate::resources::progress_reports::{ProgressReports, Status as ReportStatus};
use crate::resources::projects::Projects;
use crate::resources::projects::api::{Project, ProjectFilter};
use crate::resources::regions::Regions;
use crate::resources::regions::api::Region;
use crate::resources::transactions::Transactions;
use crate::resources::transactions::api::{Sort as TransactionSort, Transaction, TransactionFilter};

/// The records of one pairing.
pub struct PairingRecords {
    pub agreements: Vec<Agreement>,
    pub projects: Vec<Project>,
    pub commitments: Vec<Commitment>,
    pub reports: Vec<ProgressReport>,
}

fn view(reporter: &Reporter) -> ReadContext {
    ReadContext { as_of: reporter.as_of }
}

/// The pairings of a programme.
pub fn pairings(conn: &mut Conn, programme: i64, reporter: &Reporter) -> Result<Vec<Pairing>> {
    let filter = PairingFilter { programme: Some(Ref(programme.to_string())), ..PairingFilter::default() };
    record::load_all::<Pairings>(conn, &filter, view(reporter))
}

/// The records of a pairing, without draft agreements and their commitments, which bind no one yet.
pub fn of_pairing(conn: &mut Conn, pairing: i64, reporter: &Reporter) -> Result<PairingRecords> {
    let (own, view) = (Some(Ref(pairing.to_string())), view(reporter));
    let filter = AgreementFilter { pairing: own.clone(), sort: Some(AgreementSort::Id), ..AgreementFilter::default() };
    let mut agreements = record::load_all::<Agreements>(conn, &filter, view)?;
    agreements.retain(|agreement| agreement.status != crate::resources::agreements::Status::Draft);
    let projects =
        record::load_all::<Projects>(conn, &ProjectFilter { pairing: own.clone(), ..ProjectFilter::default() }, view)?;
    let filter =
        CommitmentFilter { pairing: own.clone(), sort: Some(CommitmentSort::Id), ..CommitmentFilter::default() };
    let mut commitments = record::load_all::<Commitments>(conn, &filter, view)?;
    commitments.retain(|commitment| agreements.iter().any(|agreement| agreement.id == commitment.agreement.id));
    let filter = ProgressReportFilter {
        pairing: own,
        status: vec![ReportStatus::Approved],
        sort: Some(ReportSort::Id),
        ..ProgressReportFilter::default()
    };
    let mut reports = record::load_all::<ProgressReports>(conn, &filter, view)?;
    reports.retain(|report| report.counts);
    reports.sort_by_key(|report| (report.period_start_on, report.id));
    Ok(PairingRecords { agreements, projects, commitments, reports })
}

/// The ledger of a programme.
pub fn transactions(conn: &mut Conn, programme: i64, reporter: &Reporter) -> Result<Vec<Transaction>> {
    let filter = TransactionFilter {
        programme: Some(Ref(programme.to_string())),
        sort: Some(TransactionSort::Id),
        ..TransactionFilter::default()
    };
    record::load_all::<Transactions>(conn, &filter, view(reporter))
}

/// The cited documents that have a URL, each once.
pub fn documents<'a>(
    conn: &mut Conn,
    citations: impl Iterator<Item = &'a Citation>,
    reporter: &Reporter,
) -> Result<Vec<Document>> {
    let mut ids: Vec<i64> = citations.map(|citation| citation.document.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut documents = loaded::<Documents>(conn, &ids, reporter)?;
    documents.retain(|document| document.url.is_some());
    Ok(documents)
}

/// Loads the regions of references, by id.
pub fn regions<'a>(
    conn: &mut Conn,
    references: impl Iterator<Item = &'a Reference>,
    reporter: &Reporter,
) -> Result<HashMap<i64, Region>> {
    let ids: Vec<i64> = references.map(|reference| reference.id).collect();
    Ok(loaded::<Regions>(conn, &ids, reporter)?.into_iter().map(|region| (region.id, region)).collect())
}

/// Loads the organizations of references, by id.
pub fn organizations<'a>(
    conn: &mut Conn,
    references: impl Iterator<Item = &'a Reference>,
    reporter: &Reporter,
) -> Result<HashMap<i64, Organization>> {
    let mut ids: Vec<i64> = references.map(|reference| reference.id).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(loaded::<Organizations>(conn, &ids, reporter)?.into_iter().map(|other| (other.id, other)).collect())
}

fn loaded<R: Resource>(conn: &mut Conn, ids: &[i64], reporter: &Reporter) -> Result<Vec<R::Read>> {
    let mut all = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(1_000) {
        all.extend(R::load(conn, chunk, view(reporter))?);
    }
    Ok(all)
}
