//! Budgets and ledger entries.

use std::collections::HashMap;

use super::codes;
use super::xml::Xml;
use crate::db::reference::Reference;
use crate::error::Result;
use crate::model::decimal::Fen;
use crate::model::text::Text;
use crate::resources::organizations::api::Organization;
use crate::resources::projects::api::Project;
use crate::resources::transactions::Kind;
use crate::resources::transactions::api::Transaction;

/// The longest period of a budget in days; the standard allows a year.
const BUDGET_DAYS_MAX: i64 = 366;

/// The ledger of a programme.
pub struct Ledger {
    entries: Vec<Transaction>,
    /// The kind of each entry, by id.
    kinds: HashMap<i64, Kind>,
}

/// The activity that an entry is booked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booked {
    /// The programme, if the entry names a fund alone.
    Programme,
    Pairing(i64),
    Project(i64),
}

impl Ledger {
    /// Creates the ledger, without pass-through entries.
    pub fn new(mut entries: Vec<Transaction>) -> Ledger {
        let kinds = entries.iter().map(|entry| (entry.id, entry.kind)).collect();
        entries.retain(|entry| !entry.pass_through);
        Ledger { entries, kinds }
    }

    /// The providers and receivers of entries.
    pub fn organizations(&self) -> impl Iterator<Item = &Reference> {
        self.entries.iter().flat_map(|entry| entry.provider.iter().chain(&entry.receiver))
    }

    /// Writes the entries that are booked on an activity.
    pub fn write(&self, xml: &mut Xml, booked: Booked, organizations: &HashMap<i64, Organization>) -> Result<()> {
        for entry in self.entries.iter().filter(|entry| booked_on(entry) == booked) {
            let reversed = entry.reverses.as_ref().and_then(|other| self.kinds.get(&other.id));
            let kind = if entry.kind == Kind::Reversal { reversed.copied() } else { Some(entry.kind) };
            let Some(code) = kind.and_then(codes::transaction_type) else { continue };
            write_entry(xml, entry, code, organizations)?;
        }
        Ok(())
    }
}

fn booked_on(entry: &Transaction) -> Booked {
    match (&entry.project, &entry.pairing) {
        (Some(project), _) => Booked::Project(project.id),
        (None, Some(pairing)) => Booked::Pairing(pairing.id),
        (None, None) => Booked::Programme,
    }
}

fn write_entry(
    xml: &mut Xml,
    entry: &Transaction,
    code: &str,
    organizations: &HashMap<i64, Organization>,
) -> Result<()> {
    let reference = entry.code.as_ref().map_or_else(|| entry.id.to_string(), |code| code.0.clone());
    let on = entry.value_on.to_string();
    let amount = if entry.kind == Kind::Reversal { Fen(-entry.amount.0) } else { entry.amount };
    xml.element("transaction", &[("ref", &reference)], |xml| {
        xml.empty("transaction-type", &[("code", code)])?;
        xml.empty("transaction-date", &[("iso-date", &on)])?;
        xml.text("value", &[("currency", &entry.currency), ("value-date", &on)], &amount.to_string())?;
        if let Some(description) = description(entry) {
            xml.narrated("description", &[], &description)?;
        }
        for (element, organization) in [("provider-org", &entry.provider), ("receiver-org", &entry.receiver)] {
            let Some(organization) = organization else { continue };
            let kind = organizations.get(&organization.id).and_then(|known| codes::organization_type(known.kind));
            let attributes: Vec<_> = kind.map(|kind| ("type", kind)).into_iter().collect();
            xml.narrated(element, &attributes, &organization.name)?;
        }
        Ok(())
    })
}

/// The fund and the note of an entry.
fn description(entry: &Transaction) -> Option<Text> {
    match (&entry.fund, &entry.note) {
        (Some(fund), None) => Some(fund.name.clone()),
        (Some(fund), Some(note)) => Some(Text { zh: format!("{}：{note}", fund.name.zh), en: fund.name.en.clone() }),
        (None, Some(note)) => Some(Text { zh: note.clone(), en: None }),
        (None, None) => None,
    }
}

/// The planned period of a project, if it is short enough for a budget: its first and last day.
fn budget_period(project: &Project) -> Option<(String, String)> {
    let (start, end) = (project.planned_start_on?, project.planned_end_on?);
    let days = (end - start).num_days();
    (0..BUDGET_DAYS_MAX).contains(&days).then(|| (start.to_string(), end.to_string()))
}

/// The investment of a project as text, if it cannot be a budget.
pub fn investment(project: &Project) -> Option<Text> {
    let investment = project.investment.filter(|_| budget_period(project).is_none())?;
    let currency = &project.currency;
    Some(Text {
        zh: format!("计划总投资：{investment} {currency}"),
        en: Some(format!("Total planned investment: {investment} {currency}")),
    })
}

/// Writes the investment of a project as an original, indicative budget.
pub fn budget(xml: &mut Xml, project: &Project) -> Result<()> {
    let (Some(investment), Some((start, end))) = (project.investment, budget_period(project)) else { return Ok(()) };
    xml.element("budget", &[("type", "1"), ("status", "1")], |xml| {
        xml.empty("period-start", &[("iso-date", &start)])?;
        xml.empty("period-end", &[("iso-date", &end)])?;
        let attributes = [("currency", project.currency.as_str()), ("value-date", start.as_str())];
        xml.text("value", &attributes, &investment.to_string())
    })
}
