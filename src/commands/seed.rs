//! `seed plan` and `seed apply`, and the data that comes with the program.

use std::path::PathBuf;
use std::sync::Arc;

use diesel::prelude::*;
use include_dir::{Dir, include_dir};

use super::keys::explain;
use super::{Outcome, open_existing, write_out};
use crate::access::{self, Actor};
use crate::config::Settings;
use crate::contract::Contract;
use crate::db::schema::audit_events;
use crate::db::{Conn, backend};
use crate::resources::record;
use crate::text::Language;
use crate::transfer::bundle::{self, Complaint, Source};
use crate::transfer::{Import, Line, Refusal};
use crate::{history, openapi};

/// The Jiangmen programme of 2022.
static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/seed");

/// Whether to say or to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Plan,
    Apply,
}

pub fn run(settings: &Settings, paths: &[PathBuf], mode: Mode) -> Outcome {
    let sources = bundle::read_files(paths)?;
    let mut conn = open_existing(settings)?;
    let contract = Arc::new(Contract::new(openapi::document().map_err(|e| e.to_string())?));
    let lines = bring_in(&mut conn, settings, &contract, &sources, mode)?;
    let verb = |outcome| match (outcome, mode) {
        (record::Outcome::Created, Mode::Plan) => "create",
        (record::Outcome::Created, Mode::Apply) => "created",
        (record::Outcome::Changed, Mode::Plan) => "change",
        (record::Outcome::Changed, Mode::Apply) => "changed",
        (record::Outcome::Left, _) => "leave",
    };
    let mut text = String::new();
    for line in lines.iter().filter(|line| mode == Mode::Plan || line.outcome != record::Outcome::Left) {
        let Line { path, code, outcome, fields } = line;
        let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
        text += &format!("{:8}{path}/{code}{fields}\n", verb(*outcome));
    }
    let count = |outcome| lines.iter().filter(|line| line.outcome == outcome).count();
    let (created, changed, left) =
        (count(record::Outcome::Created), count(record::Outcome::Changed), count(record::Outcome::Left));
    text += &match mode {
        Mode::Plan => format!("Would create {created}, change {changed} and leave {left}.\n"),
        Mode::Apply => format!("Created {created}, changed {changed}, left {left}.\n"),
    };
    write_out(&text)
}

/// Fills a database that nothing was ever written to; gives the number of records. Of processes that start together on
/// one database, one does it.
pub fn fill_empty(conn: &mut Conn, settings: &Settings, contract: &Arc<Contract>) -> Result<Option<usize>, String> {
    backend::begin_batch(conn).map_err(|e| e.to_string())?;
    let filled = fill_if_empty(conn, settings, contract);
    let ended = if filled.is_ok() { backend::commit_batch(conn) } else { backend::roll_back_batch(conn) };
    filled.and_then(|count| ended.map(|()| count).map_err(|e| e.to_string()))
}

fn fill_if_empty(conn: &mut Conn, settings: &Settings, contract: &Arc<Contract>) -> Result<Option<usize>, String> {
    backend::lock_kind(conn, "seed").map_err(|e| e.to_string())?;
    // Keys that were made before, and requests that were refused, are no data.
    let of_records = audit_events::table.filter(audit_events::entity.ne_all([history::API_KEY, history::REQUEST]));
    let events: i64 = of_records.count().get_result(conn).map_err(|e| e.to_string())?;
    if events > 0 {
        return Ok(None);
    }
    let mut sources: Vec<Source> = BUILT_IN
        .files()
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "yaml"))
        .filter_map(|file| {
            Some(Source { name: format!("seed/{}", file.path().display()), text: file.contents_utf8()?.to_owned() })
        })
        .collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    bring_in(conn, settings, contract, &sources, Mode::Apply).map(|lines| Some(lines.len()))
}

fn bring_in(
    conn: &mut Conn,
    settings: &Settings,
    contract: &Arc<Contract>,
    sources: &[Source],
    mode: Mode,
) -> Result<Vec<Line>, String> {
    let (entries, mut complaints) = bundle::parse(sources);
    let request_id = format!("seed-{}", access::hex(&rand::random::<[u8; 6]>()));
    let import = Import { actor: &Actor::operator(), request_id: &request_id, contract, today: settings.today() };
    // What can be read is tried even when other parts cannot, so that all faults are told at once.
    let done = if mode == Mode::Apply && complaints.is_empty() {
        import.apply(conn, &entries)
    } else {
        import.plan(conn, &entries)
    };
    match done {
        Ok(lines) if complaints.is_empty() => Ok(lines),
        Ok(_) => Err(tell(&mut complaints)),
        Err(Refusal::Complaints(more)) => {
            complaints.extend(more);
            Err(tell(&mut complaints))
        }
        Err(Refusal::Failed(error)) => Err(explain(&error)),
    }
}

fn tell(complaints: &mut [Complaint]) -> String {
    complaints.sort_by(|a, b| (&a.file, a.line, &a.field).cmp(&(&b.file, b.line, &b.field)));
    let lines: Vec<String> = complaints.iter().map(|complaint| complaint.line(Language::En)).collect();
    let count = if lines.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", lines.len()) };
    format!("{}\n{count}; nothing was written", lines.join("\n"))
}
