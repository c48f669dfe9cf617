//! A write's transaction: who makes it, when, and what it tells the history.

use std::sync::Arc;

use chrono::NaiveDate;
use diesel::Connection;

use crate::access::Actor;
use crate::contract::Contract;
use crate::db::types::Instant;
use crate::db::{Conn, backend};
use crate::error::{Error, Result};
use crate::history::{Action, Event, chain};

/// A write's transaction, and who makes it. [`Tx::run`] is the only way to one, so that what was written cannot miss the
/// history.
pub struct Tx<'a> {
    pub conn: &'a mut Conn,
    pub actor: &'a Actor,
    pub request_id: &'a str,
    pub contract: &'a Arc<Contract>,
    pub now: Instant,
    /// Today in the service's time zone.
    pub today: NaiveDate,
    /// What the history will be told when the work is done.
    events: Vec<Event>,
}

impl Tx<'_> {
    /// Does a work in the transaction that is under way, and then appends its events to the history, as the last thing
    /// before the commit. A work that fails leaves none: its caller rolls back.
    pub fn run<T, E: From<Error>>(
        conn: &mut Conn,
        actor: &Actor,
        request_id: &str,
        contract: &Arc<Contract>,
        today: NaiveDate,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if !backend::in_transaction(conn).map_err(Error::from)? {
            return Err(Error::unexpected("a write without a transaction").into());
        }
        let mut tx = Tx { conn, actor, request_id, contract, now: Instant::now(), today, events: Vec::new() };
        let value = work(&mut tx)?;
        chain::append(tx.conn, tx.events)?;
        Ok(value)
    }

    /// Does a part of the work that may fail by itself: what it wrote, and what it told the history, is then undone.
    pub fn savepoint<T>(&mut self, part: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let mut events = std::mem::take(&mut self.events);
        let told = events.len();
        let Tx { conn, actor, request_id, contract, now, today, events: _ } = self;
        let done = conn.transaction(|conn| {
            let events_so_far = std::mem::take(&mut events);
            let mut tx = Tx { conn, actor, request_id, contract, now: *now, today: *today, events: events_so_far };
            let done = part(&mut tx);
            events = tx.events;
            done
        });
        if done.is_err() {
            events.truncate(told);
        }
        self.events = events;
        done
    }

    /// An event of this write, which says nothing yet of what stood before and after.
    pub fn event(&self, action: Action, entity: &'static str) -> Event {
        Event::new(self.actor, self.request_id, self.now, action, entity)
    }

    /// Tells the history of an event when the work is done.
    pub fn tell(&mut self, event: Event) {
        self.events.push(event);
    }
}
