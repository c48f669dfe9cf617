//! Who signs an agreement, and whether both sides of the pairing do.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use super::Side;
use super::api::{NewParty, Party};
use crate::db::Conn;
use crate::db::reference::References;
use crate::db::schema::{agreement_parties, organizations, regions as regions_table};
use crate::error::{Faults, Result};
use crate::figures::members::Places;
use crate::msg;
use crate::resources::{organizations as org, pairings, regions};

/// A party whose region or organization was found.
pub struct Signed {
    region_id: Option<i64>,
    organization_id: Option<i64>,
    party: NewParty,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = agreement_parties)]
pub struct Row {
    pub agreement_id: i64,
    region_id: Option<i64>,
    organization_id: Option<i64>,
    side: Side,
    signatory: Option<String>,
    signatory_title: Option<String>,
    signed_on: Option<chrono::NaiveDate>,
}

/// Finds the parties' regions and organizations; a fault for each that is unknown, and for each party that is not one.
pub fn resolve(conn: &mut Conn, faults: &mut Faults, parties: &[NewParty]) -> Result<Vec<Signed>> {
    let mut signed = Vec::with_capacity(parties.len());
    for (index, party) in parties.iter().enumerate() {
        let at = |field: &str| format!("/parties/{index}/{field}");
        if party.region.is_some() == party.organization.is_some() {
            faults.push(
                format!("/parties/{index}"),
                "one_of",
                msg!("须且只须给出 region 或 organization。", "must have either region or organization"),
            );
        }
        let region_id = regions::KIND.resolve_optional(conn, faults, at("region"), party.region.as_ref())?;
        let organization_id =
            org::KIND.resolve_optional(conn, faults, at("organization"), party.organization.as_ref())?;
        signed.push(Signed { region_id, organization_id, party: party.clone() });
    }
    Ok(signed)
}

/// Requires a party on each side of the pairing: a member region itself, or a region or organization within one.
pub fn require_both_sides(conn: &mut Conn, faults: &mut Faults, pairing: i64, parties: &[Signed]) -> Result<()> {
    let mut present = BTreeSet::new();
    for signed in parties {
        let mut region = match (signed.region_id, signed.organization_id) {
            (Some(region), _) => Some(region),
            (None, Some(id)) => Some(organizations::table.find(id).select(organizations::region_id).first(conn)?),
            (None, None) => None,
        };
        while let Some(id) = region {
            if !present.insert(id) {
                break;
            }
            region = regions_table::table.find(id).select(regions_table::parent_id).first(conn)?;
        }
    }
    for role in pairings::Role::ALL {
        let members = pairings::store::regions_of(conn, pairing, *role)?;
        if !members.iter().any(|region| present.contains(region)) {
            faults.push(
                "/parties",
                "side_missing",
                msg!(
                    "签署方中缺少结对关系的 {role} 一方。",
                    "must include the {role} side of the pairing, or an organization of it"
                ),
            );
        }
    }
    Ok(())
}

/// Replaces an agreement's parties.
pub fn replace(conn: &mut Conn, agreement: i64, parties: Vec<Signed>) -> Result<()> {
    diesel::delete(agreement_parties::table.filter(agreement_parties::agreement_id.eq(agreement))).execute(conn)?;
    for (position, Signed { region_id, organization_id, party }) in (0_i32..).zip(parties) {
        let NewParty { region: _, organization: _, side, signatory, signatory_title, signed_on } = party;
        diesel::insert_into(agreement_parties::table)
            .values((
                agreement_parties::agreement_id.eq(agreement),
                agreement_parties::position.eq(position),
                agreement_parties::region_id.eq(region_id),
                agreement_parties::organization_id.eq(organization_id),
                agreement_parties::side.eq(side),
                agreement_parties::signatory.eq(signatory),
                agreement_parties::signatory_title.eq(signatory_title),
                agreement_parties::signed_on.eq(signed_on),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// The parties of a page of agreements.
pub fn load(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Row>> {
    Ok(agreement_parties::table
        .filter(agreement_parties::agreement_id.eq_any(ids))
        .order((agreement_parties::agreement_id, agreement_parties::position))
        .select(Row::as_select())
        .load(conn)?)
}

/// The regions that sign each agreement, themselves or by an organization of theirs, with all that are around them.
pub fn named_regions(conn: &mut Conn, ids: &[i64], places: &Places) -> Result<HashMap<i64, BTreeSet<i64>>> {
    let mut named: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    for chunk in ids.chunks(10_000) {
        for party in load(conn, chunk)? {
            let regions = named.entry(party.agreement_id).or_default();
            party.region_id.into_iter().for_each(|region| places.add_region(regions, region));
            party.organization_id.into_iter().for_each(|id| places.add_organization(regions, id));
        }
    }
    Ok(named)
}

impl Row {
    pub fn want(&self, references: &mut References) {
        references.want(&regions::KIND, self.region_id);
        references.want(&org::KIND, self.organization_id);
    }

    pub fn into_party(self, references: &References) -> Party {
        let Row { agreement_id: _, region_id, organization_id, side, signatory, signatory_title, signed_on } = self;
        Party {
            region: references.optional(&regions::KIND, region_id),
            organization: references.optional(&org::KIND, organization_id),
            side,
            signatory,
            signatory_title,
            signed_on,
        }
    }
}
