//! Writing the file: its activities, each with its elements in the order of the schema.

use std::collections::HashMap;

use super::dates::{self, Start};
use super::details::{self, LOCAL_GOVERNMENT};
use super::money::{self, Booked, Ledger};
use super::store::{self, PairingRecords};
use super::xml::Xml;
use super::{Reporter, codes, results};
use crate::db::Conn;
use crate::error::{Fault, Problem, Result};
use crate::model::text::Text;
use crate::msg;
use crate::resources::organizations::api::Organization;
use crate::resources::pairings::Role;
use crate::resources::pairings::api::Pairing;
use crate::resources::programmes::api::Programme;
use crate::resources::projects::api::Project;
use crate::resources::{pairings, programmes, projects};

/// The first elements of an activity.
struct Head<'a> {
    identifier: &'a str,
    hierarchy: &'a str,
    updated_at: String,
    title: &'a Text,
    description: Option<&'a Text>,
    /// Further descriptions, with their type of the codelist DescriptionType.
    more: Vec<(&'a str, &'a Text)>,
}

/// Data that all activities of a file share.
struct File<'a> {
    reporter: &'a Reporter,
    reporter_name: Text,
    ledger: Ledger,
    organizations: HashMap<i64, Organization>,
}

/// Writes the file of a programme.
pub fn write(conn: &mut Conn, programme: &Programme, reporter: &Reporter) -> Result<Vec<u8>> {
    let all = store::pairings(conn, programme.id, reporter)?;
    let mut parts = Vec::with_capacity(all.len());
    for pairing in &all {
        parts.push(store::of_pairing(conn, pairing.id, reporter)?);
    }
    let ledger = Ledger::new(store::transactions(conn, programme.id, reporter)?);
    let of_projects = parts.iter().flat_map(|of| &of.projects).flat_map(|project| &project.organizations);
    let named = ledger.organizations().chain(of_projects.map(|other| &other.organization));
    let organizations = store::organizations(conn, named, reporter)?;
    let name = |zh: String| Text { zh, en: None };
    let own_name = || programme.lead_body.clone().map_or_else(|| programme.name.clone(), name);
    let reporter_name = reporter.name.clone().map_or_else(own_name, name);
    let file = File { reporter, reporter_name, ledger, organizations };

    let starts = file.starts(programme, &all, &parts)?;
    let mut xml = Xml::new()?;
    xml.element("iati-activities", &[("version", "2.03")], |xml| {
        file.programme(conn, xml, programme, &all, &starts.0)?;
        for ((pairing, of), start) in all.iter().zip(&parts).zip(&starts.1) {
            file.pairing(conn, xml, programme, pairing, of, start)?;
            for project in &of.projects {
                file.project(conn, xml, pairing, project, start)?;
            }
        }
        Ok(())
    })?;
    Ok(xml.finish())
}

impl File<'_> {
    /// The start dates of the programme and of each pairing. A pairing without its own date starts with its first signed
    /// agreement, otherwise with the programme. A programme without one starts with its first pairing.
    fn starts(&self, programme: &Programme, all: &[Pairing], parts: &[PairingRecords]) -> Result<(Start, Vec<Start>)> {
        let found: Vec<Option<Start>> = all
            .iter()
            .zip(parts)
            .map(|(pairing, of)| {
                let signed = of.agreements.iter().filter_map(|agreement| agreement.signed_on).min();
                let signed = signed.map(|on| {
                    Start::own(on).taken("首份协议的签署日期", "date on which its first agreement was signed")
                });
                pairing.established_on.map(Start::own).or(signed)
            })
            .collect();
        let first = found.iter().flatten().min_by_key(|start| start.on);
        let own = programme
            .starts_on
            .map(Start::own)
            .or_else(|| first.map(|start| start.taken("其首个结对关系的日期", "date of its first pairing")))
            // Otherwise the end date of the programme is the only date known.
            .or_else(|| {
                programme.ends_on.map(|on| Start::own(on).taken("计划的结束日期", "end date of the programme"))
            });
        let Some(own) = own else {
            return Err(Problem::conflict(
                "iati_no_date",
                msg!(
                    "IATI 要求每项活动至少有一个日期；该计划及其结对关系、协议均无日期。",
                    "IATI requires a date for every activity; neither the programme nor its pairings and agreements have one."
                ),
            )
            .faults(vec![Fault {
                pointer: "/starts_on".to_owned(),
                code: "required",
                message: msg!("须先填写。", "is required for this file"),
            }])
            .into());
        };
        let taken = own.taken("所属计划的日期", "date of its programme");
        Ok((own, found.into_iter().map(|start| start.unwrap_or_else(|| taken.clone())).collect()))
    }

    /// Writes an activity: its first elements, and then those of `rest`.
    fn activity(&self, xml: &mut Xml, head: &Head<'_>, rest: impl FnOnce(&mut Xml) -> Result<()>) -> Result<()> {
        let Head { identifier, hierarchy, updated_at, title, description, more } = head;
        let attributes = [
            ("xml:lang", "zh"),
            ("default-currency", "CNY"),
            ("hierarchy", *hierarchy),
            ("last-updated-datetime", updated_at.as_str()),
        ];
        xml.element("iati-activity", &attributes, |xml| {
            xml.text("iati-identifier", &[], identifier)?;
            let Reporter { identifier: reporter, kind, .. } = self.reporter;
            xml.narrated("reporting-org", &[("ref", reporter), ("type", kind)], &self.reporter_name)?;
            xml.narrated("title", &[], title)?;
            // The schema requires a description; the title replaces a missing one.
            xml.narrated("description", &[("type", "1")], description.unwrap_or(title))?;
            for (kind, text) in more {
                xml.narrated("description", &[("type", kind)], text)?;
            }
            rest(xml)
        })
    }

    fn programme(
        &self,
        conn: &mut Conn,
        xml: &mut Xml,
        programme: &Programme,
        all: &[Pairing],
        start: &Start,
    ) -> Result<()> {
        let documents = store::documents(conn, programme.citations.iter(), self.reporter)?;
        let as_of = self.reporter.as_of;
        let head = Head {
            identifier: &self.reporter.activity(programmes::KIND.name, &programme.code.0),
            hierarchy: "1",
            updated_at: programme.updated_at.utc().to_rfc3339(),
            title: &programme.name,
            description: programme.description.as_ref(),
            more: programme.principles.iter().map(|principles| ("2", principles)).collect(),
        };
        self.activity(xml, &head, |xml| {
            let lead = programme.lead_body.clone().map(|zh| Text { zh, en: None });
            details::participant(xml, "2", None, lead.as_ref().unwrap_or(&self.reporter_name))?;
            let status = codes::status_of_period(programme.starts_on, programme.ends_on, as_of);
            xml.empty("activity-status", &[("code", status)])?;
            dates::period(xml, Some(start), programme.ends_on, as_of)?;
            details::country(xml)?;
            self.ledger.write(xml, Booked::Programme, &self.organizations)?;
            details::links(xml, &documents)?;
            all.iter().try_for_each(|pairing| details::related(xml, "2", &self.identifier_of(pairing)))
        })
    }

    fn identifier_of(&self, pairing: &Pairing) -> String {
        self.reporter.activity(pairings::KIND.name, &pairing.code.0)
    }

    fn identifier_of_project(&self, project: &Project) -> String {
        self.reporter.activity(projects::KIND.name, &project.code.0)
    }

    fn pairing(
        &self,
        conn: &mut Conn,
        xml: &mut Xml,
        programme: &Programme,
        pairing: &Pairing,
        of: &PairingRecords,
        start: &Start,
    ) -> Result<()> {
        let citations = pairing.citations.iter().chain(of.agreements.iter().flat_map(|other| &other.citations));
        let documents = store::documents(conn, citations, self.reporter)?;
        let recipients = pairing.members.iter().filter(|member| member.role == Role::Recipient);
        let regions = store::regions(conn, recipients.clone().map(|member| &member.region), self.reporter)?;
        let as_of = self.reporter.as_of;
        let note = pairing.note.clone().map(|zh| Text { zh, en: None });
        let head = Head {
            identifier: &self.identifier_of(pairing),
            hierarchy: "2",
            updated_at: pairing.updated_at.utc().to_rfc3339(),
            title: &pairing.name,
            description: note.as_ref(),
            more: Vec::new(),
        };
        self.activity(xml, &head, |xml| {
            for member in &pairing.members {
                let role = if member.role == Role::Supporter { "1" } else { "4" };
                details::participant(xml, role, Some(LOCAL_GOVERNMENT), &member.region.name)?;
            }
            let status = codes::status_of_period(pairing.established_on, pairing.ended_on, as_of);
            xml.empty("activity-status", &[("code", status)])?;
            dates::period(xml, Some(start), pairing.ended_on, as_of)?;
            details::country(xml)?;
            for region in recipients.filter_map(|member| regions.get(&member.region.id)) {
                details::location(xml, region, "2")?;
            }
            details::fields(xml, &pairing.sectors, self.reporter)?;
            self.ledger.write(xml, Booked::Pairing(pairing.id), &self.organizations)?;
            details::links(xml, &documents)?;
            details::related(xml, "1", &self.reporter.activity(programmes::KIND.name, &programme.code.0))?;
            for project in &of.projects {
                details::related(xml, "2", &self.identifier_of_project(project))?;
            }
            results::write(xml, of)
        })
    }

    fn project(
        &self,
        conn: &mut Conn,
        xml: &mut Xml,
        pairing: &Pairing,
        project: &Project,
        start: &Start,
    ) -> Result<()> {
        let documents = store::documents(conn, project.citations.iter(), self.reporter)?;
        let regions = store::regions(conn, project.location.iter(), self.reporter)?;
        let investment = money::investment(project);
        let head = Head {
            identifier: &self.identifier_of_project(project),
            hierarchy: "3",
            updated_at: project.updated_at.utc().to_rfc3339(),
            title: &project.title,
            description: project.description.as_ref(),
            more: investment.iter().map(|text| ("4", text)).collect(),
        };
        self.activity(xml, &head, |xml| {
            self.participants(xml, pairing, project)?;
            xml.empty("activity-status", &[("code", codes::project_status(project.status))])?;
            let own = [
                ("1", project.planned_start_on),
                ("2", project.actual_start_on),
                ("3", project.planned_end_on),
                ("4", project.actual_end_on),
            ];
            if own.iter().all(|(_, on)| on.is_none()) {
                let taken = start.taken("所属结对关系的日期", "date of its pairing");
                dates::period(xml, Some(&taken), None, self.reporter.as_of)?;
            }
            own.iter().try_for_each(|(kind, on)| dates::date(xml, kind, *on))?;
            details::country(xml)?;
            regions.values().try_for_each(|region| details::location(xml, region, "1"))?;
            details::shares(xml, &project.sectors, self.reporter)?;
            money::budget(xml, project)?;
            self.ledger.write(xml, Booked::Project(project.id), &self.organizations)?;
            details::links(xml, &documents)?;
            details::related(xml, "1", &self.identifier_of(pairing))
        })
    }

    /// Writes the participants of a project: its organizations, or the regions of its pairing if it has none.
    fn participants(&self, xml: &mut Xml, pairing: &Pairing, project: &Project) -> Result<()> {
        for other in &project.organizations {
            let known = self.organizations.get(&other.organization.id);
            let kind = known.and_then(|known| codes::organization_type(known.kind));
            details::participant(xml, codes::project_role(other.role), kind, &other.organization.name)?;
        }
        if project.organizations.is_empty() {
            for member in &pairing.members {
                let role = if member.role == Role::Supporter { "1" } else { "4" };
                details::participant(xml, role, Some(LOCAL_GOVERNMENT), &member.region.name)?;
            }
        }
        Ok(())
    }
}
