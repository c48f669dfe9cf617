//! What a scorecard reads of the records that the history keeps, as each write left them.

use chrono::NaiveDate;
use serde::Deserialize;

use crate::model::decimal::{Fen, Quantity};
use crate::resources::commitments::{Accumulation, Direction};
use crate::resources::milestones::{Status as MilestoneStatus, Weight};
use crate::resources::pairings::Role;
use crate::resources::{exchanges as people, progress_reports, resolutions as decided, transactions};

/// A reference; its names are of no account.
#[derive(Clone, Copy, Deserialize)]
pub struct Id {
    pub id: i64,
}

#[derive(Deserialize)]
pub struct Pairing {
    pub programme: Id,
    pub members: Vec<PairingMember>,
}

#[derive(Deserialize)]
pub struct PairingMember {
    pub region: Id,
    pub role: Role,
    pub from_on: Option<NaiveDate>,
    pub to_on: Option<NaiveDate>,
}

#[derive(Deserialize)]
pub struct Agreement {
    pub pairing: Id,
    pub sectors: Vec<Id>,
    pub parties: Vec<Party>,
    pub signed_on: Option<NaiveDate>,
    pub effective_on: Option<NaiveDate>,
    pub expires_on: Option<NaiveDate>,
}

#[derive(Deserialize)]
pub struct Party {
    pub region: Option<Id>,
    pub organization: Option<Id>,
}

#[derive(Deserialize)]
pub struct Project {
    pub pairing: Id,
    pub agreement: Option<Id>,
    pub sectors: Vec<Share>,
}

#[derive(Deserialize)]
pub struct Share {
    pub sector: Id,
    pub percent: f64,
}

#[derive(Deserialize)]
pub struct Milestone {
    pub agreement: Option<Id>,
    pub project: Option<Id>,
    pub status: MilestoneStatus,
    pub weight: Weight,
    pub progress: i64,
    pub due_on: NaiveDate,
    pub baseline_due_on: NaiveDate,
    pub met_on: Option<NaiveDate>,
}

#[derive(Deserialize)]
pub struct Commitment {
    pub agreement: Id,
    pub sector: Option<Id>,
    pub starts_on: Option<NaiveDate>,
    pub due_on: Option<NaiveDate>,
    pub indicator: Option<Indicator>,
}

#[derive(Deserialize)]
pub struct Indicator {
    pub baseline: Option<Quantity>,
    pub target: Option<Quantity>,
    pub direction: Direction,
    pub accumulation: Accumulation,
}

#[derive(Deserialize)]
pub struct Report {
    pub commitment: Id,
    pub period_start_on: NaiveDate,
    pub period_end_on: NaiveDate,
    pub value: Option<Quantity>,
    pub status: progress_reports::Status,
    pub supersedes: Option<Id>,
}

#[derive(Deserialize)]
pub struct Resolution {
    pub conference: Id,
    pub due_on: Option<NaiveDate>,
    pub status: decided::Status,
    pub commitment: Option<Id>,
    pub milestone: Option<Id>,
}

#[derive(Deserialize)]
pub struct Exchange {
    pub pairing: Id,
    pub profession: people::Profession,
    pub direction: people::Direction,
    pub headcount: Option<i64>,
    pub sending: Option<Id>,
    pub hosting: Option<Id>,
    pub planned_start_on: Option<NaiveDate>,
    pub actual_start_on: Option<NaiveDate>,
    pub actual_end_on: Option<NaiveDate>,
    pub status: people::Status,
}

#[derive(Deserialize)]
pub struct Fund {
    pub programme: Id,
}

#[derive(Deserialize)]
pub struct OfPairing {
    pub pairing: Id,
}

#[derive(Deserialize)]
pub struct Transaction {
    pub kind: transactions::Kind,
    pub amount: Fen,
    pub currency: String,
    pub value_on: NaiveDate,
    pub fund: Option<Id>,
    pub pairing: Option<Id>,
    pub project: Option<Id>,
    pub provider: Option<Id>,
    pub receiver: Option<Id>,
    pub reverses: Option<Id>,
    pub pass_through: bool,
}
