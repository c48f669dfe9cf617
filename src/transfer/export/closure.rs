//! What belongs to a programme, and what that names.
//!
//! To a programme belong its pairings and funds, and whatever is of one of them: agreements with all that is under them,
//! conferences, projects, people, twinnings, transactions. With them go the assets of the regions that its pairings tie,
//! and every record that one of these names, directly or through others: regions with those above them, organizations,
//! sectors, documents, and where a pairing took the place of one of another programme, that pairing and its programme.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::bundle::{PAGE, all_of};
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::error::{Error, Faults, Result};
use crate::model::types::Ref;
use crate::record::View;
use crate::record::references;
use crate::resources::{self, Form, assets, pairings, programmes};
use crate::validation::Contract;

/// Ids by the name of their kind.
#[derive(Default)]
pub struct Closure {
    found: BTreeMap<&'static str, BTreeSet<i64>>,
    /// Those whose own references are still to be followed.
    left: BTreeMap<&'static str, BTreeSet<i64>>,
}

impl Closure {
    /// The id of the programme that a query names; a reference that names none is a fault of the query.
    pub fn programme(conn: &mut Conn, programme: &Ref) -> Result<i64> {
        let mut faults = Faults::default();
        let id = programmes::KIND.resolve(conn, &mut faults, "/query/programme", programme)?;
        faults.refuse()?;
        id.ok_or_else(|| Error::unexpected("a reference was lost"))
    }

    /// The records of a programme's bundle; a reference that names none is a fault of the query.
    pub fn of(conn: &mut Conn, contract: &Contract, programme: &Ref, view: View) -> Result<Closure> {
        let id = Closure::programme(conn, programme)?;
        let forms = resources::forms();
        let mut closure = Closure::default();
        closure.add(&programmes::KIND, id);
        for form in &forms {
            if takes_programme(contract, form.kind) {
                let filter = json!({ "programme": id.to_string(), "sort": "id" });
                let ids = all_of(conn, form.kind, &filter, view)?;
                ids.into_iter().for_each(|id| closure.add(form.kind, id));
            }
        }
        for region in closure.members(conn, view)? {
            let filter = json!({ "region": region.to_string(), "sort": "id" });
            let ids = all_of(conn, &assets::KIND, &filter, view)?;
            ids.into_iter().for_each(|id| closure.add(&assets::KIND, id));
        }
        closure.follow(conn, &forms, view)?;
        Ok(closure)
    }

    /// The ids of one kind.
    pub fn ids(&self, kind: &Kind) -> Vec<i64> {
        self.found.get(kind.name).into_iter().flatten().copied().collect()
    }

    fn add(&mut self, kind: &'static Kind, id: i64) {
        if self.found.entry(kind.name).or_default().insert(id) {
            self.left.entry(kind.name).or_default().insert(id);
        }
    }

    /// The regions that the programme's pairings tie.
    fn members(&self, conn: &mut Conn, view: View) -> Result<BTreeSet<i64>> {
        let mut regions = BTreeSet::new();
        for ids in self.ids(&pairings::KIND).chunks(PAGE) {
            for pairing in resources::by_path(pairings::KIND.path)?.load(conn, ids, view)? {
                let members = pairing["members"].as_array().into_iter().flatten();
                regions.extend(members.filter_map(|member| member["region"]["id"].as_i64()));
            }
        }
        Ok(regions)
    }

    /// Adds what is named, and what that names, until nothing new is.
    fn follow(&mut self, conn: &mut Conn, forms: &[Form], view: View) -> Result<()> {
        while let Some((name, ids)) = self.left.pop_first() {
            let Some(form) = forms.iter().find(|form| form.kind.name == name) else { continue };
            let ids: Vec<i64> = ids.into_iter().collect();
            for chunk in ids.chunks(PAGE) {
                for mut record in resources::by_path(form.kind.path)?.load(conn, chunk, view)? {
                    references::each(resources::kinds(), form.sheet, &mut record, &mut |kind, value| {
                        if let Some(id) = value["id"].as_i64() {
                            self.add(kind, id);
                        }
                        Ok(())
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a kind's list can be narrowed to one programme.
fn takes_programme(contract: &Contract, kind: &Kind) -> bool {
    let path = format!("/api/v1/{}", kind.path);
    let parameters = &contract.document()["paths"][path]["get"]["parameters"];
    let is_programme = |parameter: &Value| parameter["name"] == "programme";
    parameters.as_array().is_some_and(|parameters| parameters.iter().any(is_programme))
}
