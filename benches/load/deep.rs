//! Deep pages: walks through lists that begin at page 1,000 and follow `next_cursor`.
//!
//! A cursor belongs to one list and one record. Twenty walks through a list begin one record apart, so no two of them ever
//! send the same cursor.

use std::rc::Rc;

use super::Outcome;
use super::dataset::Facts;
use super::generator::{Client, Load, Request};
use super::http::{Connection, get};
use super::names::Name;
use super::scene::{LIMIT, Scene};

/// The number of the first deep page.
const DEEP: i64 = 1_000;
/// The number of lists that are walked through in a round.
const LISTS: usize = 8;

/// Where a walk begins: a list, and the cursor of the first page.
pub struct Start {
    list: Rc<str>,
    cursor: String,
}

/// How many full pages of the big pairing's overdue milestones come before the first deep one: 999, or half of them where
/// there are fewer than twice as many.
pub fn pages_before(facts: &Facts) -> i64 {
    (DEEP - 1).min(facts.overdue / LIMIT / 2)
}

/// Finds the first pages of new walks.
pub async fn prepare(scene: &Scene) -> Outcome<()> {
    let mut connection = Connection::open(scene.address).await.map_err(|e| e.to_string())?;
    let mut starts = Vec::new();
    for _ in 0..LISTS {
        let list: Rc<str> = scene.deep_list().into();
        let mut before = pages_before(&scene.facts) * LIMIT;
        let mut cursor = String::new();
        // Larger pages lead there: a cursor is valid with any limit.
        while before > 1 - LIMIT {
            let step = before.clamp(1, 1_000);
            let after = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
            let target = format!("{list}&limit={step}{after}");
            let status = connection.exchange(get(&target).as_bytes()).await.map_err(|e| format!("{target}: {e}"))?;
            let next = next_cursor(connection.body()).filter(|_| status == 200);
            cursor = next.ok_or_else(|| format!("{target} responded with {status} and has no next page"))?.to_owned();
            before -= step;
            if before <= 0 {
                starts.push(Start { list: list.clone(), cursor: cursor.clone() });
            }
        }
    }
    *scene.deep.borrow_mut() = starts;
    Ok(())
}

/// Connections that walk, each through one list after another.
pub fn load(scene: &Rc<Scene>, connections: usize) -> Load {
    let scene = scene.clone();
    let client = move |_| -> Client {
        let scene = scene.clone();
        let mut walk: Option<Rc<str>> = None;
        Box::new(move |_, last| {
            let on = walk.as_ref().and_then(|list| Some((list.clone(), next_cursor(last)?.to_owned())));
            let (list, cursor) = match on {
                Some(on) => on,
                None => scene.deep.borrow_mut().pop().map(|Start { list, cursor }| (list, cursor))?,
            };
            let target = format!("{list}&limit={LIMIT}&cursor={cursor}");
            walk = Some(list);
            Some(Request { bytes: get(&target).into_bytes(), statuses: &[200], row: Name::DeepPage })
        })
    };
    Load { connections, client: Rc::new(client), interval: None }
}

/// The cursor at the end of a page, found without reading its items.
fn next_cursor(body: &[u8]) -> Option<&str> {
    const NAME: &[u8] = b"\"next_cursor\":\"";
    let begin = memchr::memmem::rfind(body, NAME)? + NAME.len();
    let length = memchr::memchr(b'"', &body[begin..])?;
    std::str::from_utf8(&body[begin..begin + length]).ok()
}
