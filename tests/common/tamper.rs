//! Changes that a database's owner can make to the audit log.

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use pairing_tracker::db::Conn;

/// Runs statements as they are.
pub fn execute(conn: &mut Conn, sql: &str) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => conn.batch_execute(sql),
        Conn::Postgres(conn) => conn.batch_execute(sql),
    }
}

/// Drops the triggers that refuse changes of events.
pub fn drop_triggers(conn: &mut Conn) {
    let sql = match conn {
        Conn::Sqlite(_) => {
            "DROP TRIGGER audit_events_stay; DROP TRIGGER audit_events_remain; DROP TRIGGER audit_events_are_new"
        }
        Conn::Postgres(_) => "ALTER TABLE audit_events DISABLE TRIGGER USER",
    };
    execute(conn, sql).expect("the guards go");
}
