//! The records of a programme's bundle, closed under references.
//!
//! The bundle has the programme's pairings and funds with everything that belongs to them: the records of every kind whose list
//! can be filtered by programme. It also has the assets of the pairings' regions, and every record that one of these refers to,
//! directly or indirectly: parent regions, organizations, sectors, documents, and a superseded pairing of another programme with
//! that programme.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::bundle::{PAGE, all_of};
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::error::{Error, Faults, Result};
use crate::model::types::Ref;
use crate::record::{ReadContext, references};
use crate::resources::{self, Form, assets, pairings, programmes};
use crate::validation::Contract;

/// The ids of the records, by the name of their kind.
#[derive(Default)]
pub struct Closure {
    found: BTreeMap<&'static str, BTreeSet<i64>>,
    /// Records whose references are not followed yet.
    left: BTreeMap<&'static str, BTreeSet<i64>>,
}

impl Closure {
    /// The id of the programme in a query; an unknown reference is a fault of the query.
    pub fn programme(conn: &mut Conn, programme: &Ref) -> Result<i64> {
        let mut faults = Faults::default();
        let id = programmes::KIND.resolve(conn, &mut faults, "/query/programme", programme)?;
        faults.refuse()?;
        id.ok_or_else(|| Error::unexpected("a reference was lost"))
    }

    /// Computes the records of a programme's bundle; an unknown reference is a fault of the query.
    pub fn of(conn: &mut Conn, contract: &Contract, programme: &Ref, view: ReadContext) -> Result<Closure> {
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

    /// The regions of the programme's pairings.
    fn members(&self, conn: &mut Conn, view: ReadContext) -> Result<BTreeSet<i64>> {
        let mut regions = BTreeSet::new();
        for ids in self.ids(&pairings::KIND).chunks(PAGE) {
            for pairing in resources::by_path(pairings::KIND.path)?.load(conn, ids, view)? {
                let members = pairing["members"].as_array().into_iter().flatten();
                regions.extend(members.filter_map(|member| member["region"]["id"].as_i64()));
            }
        }
        Ok(regions)
    }

    /// Adds the records that are referred to, until no new one is found.
    fn follow(&mut self, conn: &mut Conn, forms: &[Form], view: ReadContext) -> Result<()> {
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

/// Whether the list of a kind can be filtered by programme.
fn takes_programme(contract: &Contract, kind: &Kind) -> bool {
    let path = format!("/api/v1/{}", kind.path);
    let document = contract.document();
    let parameters = document.operation("GET", &path).and_then(|list| document.parameters(list).as_array());
    let is_programme = |parameter: &Value| parameter["name"] == "programme";
    parameters.is_some_and(|parameters| parameters.iter().any(is_programme))
}
