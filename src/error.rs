//! The error type of the crate, and its mapping to responses.
//!
//! A client error is a [`Problem`]: a status, a stable code, texts in two languages and the faults of single fields
//! ([`Fault`]). A temporary condition, such as a busy or unreachable database, is [`Error::Unavailable`] (503). A defect is
//! [`Error::Unexpected`]: it is logged in full with the request id, and the client receives the request id only.

use crate::model::text::Msg;
use crate::msg;

/// One fault of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer into the request body; `/query/name` or `/header/Name` for a parameter or header.
    pub pointer: String,
    /// Stable identifier of the broken rule, in snake_case.
    pub code: &'static str,
    pub message: Msg,
}

/// An error response (RFC 9457).
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: u16,
    /// Stable identifier in snake_case, from which the problem's `type` is derived.
    pub code: &'static str,
    pub title: Msg,
    pub detail: Option<Msg>,
    pub faults: Vec<Fault>,
    /// The allowed methods, for 405.
    pub allow: Option<String>,
    /// Seconds to wait before a retry.
    pub retry_after: Option<u64>,
    /// The accepted content codings, for 415.
    pub accept_encoding: Option<&'static str>,
}

impl Problem {
    pub fn new(status: u16, code: &'static str, title: Msg) -> Problem {
        Problem {
            status,
            code,
            title,
            detail: None,
            faults: Vec::new(),
            allow: None,
            retry_after: None,
            accept_encoding: None,
        }
    }

    pub fn retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    pub fn accept_encoding(mut self, codings: &'static str) -> Problem {
        self.accept_encoding = Some(codings);
        self
    }

    pub fn detail(mut self, detail: Msg) -> Problem {
        self.detail = Some(detail);
        self
    }

    pub fn allow(mut self, methods: String) -> Problem {
        self.allow = Some(methods);
        self
    }

    pub fn faults(mut self, faults: Vec<Fault>) -> Problem {
        self.faults = faults;
        self
    }

    /// 400: the request cannot be parsed, or has undocumented fields or parameters.
    pub fn malformed(faults: Vec<Fault>) -> Problem {
        Problem::new(400, "malformed_request", msg!("请求格式有误", "The request is malformed")).faults(faults)
    }

    /// 422: the request can be parsed, but breaks a rule.
    pub fn invalid(faults: Vec<Fault>) -> Problem {
        Problem::new(422, "validation_failed", msg!("请求内容不符合规则", "The request breaks a rule")).faults(faults)
    }

    /// 404: the reference in the path does not exist.
    pub fn not_found(kind: &str, reference: &str) -> Problem {
        // Clients can send any path.
        let reference: String = reference.chars().filter(|letter| !letter.is_control()).take(100).collect();
        Problem::new(404, "not_found", msg!("未找到", "Not found"))
            .detail(msg!("没有 {kind} “{reference}”。", "There is no {kind} \"{reference}\"."))
    }

    pub fn unauthorized(detail: Msg) -> Problem {
        Problem::new(401, "unauthorized", msg!("需要有效的密钥", "A valid key or token is required")).detail(detail)
    }

    pub fn forbidden(detail: Msg) -> Problem {
        Problem::new(403, "forbidden", msg!("无权进行此操作", "Not allowed")).detail(detail)
    }

    pub fn conflict(code: &'static str, detail: Msg) -> Problem {
        Problem::new(409, code, msg!("与现有数据冲突", "The request conflicts with existing data")).detail(detail)
    }
}

/// Collects the faults of a request, so that they are reported together.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn push(&mut self, pointer: impl Into<String>, code: &'static str, message: Msg) {
        self.0.push(Fault { pointer: pointer.into(), code, message });
    }

    pub fn extend(&mut self, faults: Vec<Fault>) {
        self.0.extend(faults);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails with 422 when there are faults.
    pub fn refuse(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0).into()) }
    }
}

/// An error of the crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.title.en)]
    Problem(Box<Problem>),
    /// A temporary condition; a retry can succeed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The connection or the disk failed during a commit, so that it is unknown whether the write was committed.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    #[error("unexpected: {0}")]
    Unexpected(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn unexpected(cause: impl std::fmt::Display) -> Error {
        Error::Unexpected(cause.to_string())
    }

    /// Converts the error of a commit. After a lost connection or a disk error, the outcome is unknown.
    pub fn of_commit(error: diesel::result::Error) -> Error {
        use diesel::result::{DatabaseErrorKind as Kind, Error as Db};
        let is_unknown = match &error {
            Db::DatabaseError(Kind::ClosedConnection, _) => true,
            Db::DatabaseError(_, info) => contains_any(info.message(), UNKNOWN_OUTCOME),
            _ => false,
        };
        if is_unknown { Error::OutcomeUnknown(error.to_string()) } else { error.into() }
    }

    /// The cause, for the log.
    pub fn cause(&self) -> String {
        match self {
            Error::Problem(_) => self.to_string(),
            Error::Unavailable(cause) | Error::OutcomeUnknown(cause) | Error::Unexpected(cause) => cause.clone(),
        }
    }

    /// The problem that the client receives.
    pub fn problem(&self) -> Problem {
        match self {
            Error::Problem(problem) => (**problem).clone(),
            Error::Unavailable(_) => {
                Problem::new(503, "unavailable", msg!("服务暂不可用", "The service is temporarily unavailable"))
                    .detail(msg!("请稍后重试；未写入任何内容。", "Nothing was written. Retry shortly."))
                    .retry_after(1)
            }
            Error::OutcomeUnknown(_) => Problem::new(
                503,
                "outcome_unknown",
                msg!("无法确定是否已写入", "It is unknown whether the write was committed"),
            )
            .detail(msg!(
                "提交时数据库连接中断。请使用相同的 Idempotency-Key 重试，或先读取该记录确认结果。",
                "The connection to the database was lost during the commit. Repeat the request with the same \
                         Idempotency-Key, or read the record first."
            ))
            .retry_after(1),
            Error::Unexpected(_) => {
                Problem::new(500, "internal_error", msg!("服务内部错误", "Internal error")).detail(msg!(
                    "请将 request_id 告知管理员，详情见服务日志。",
                    "Report the request_id to the administrator; the log has the details."
                ))
            }
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Problem(Box::new(problem))
    }
}

impl From<serde_json::Error> for Error {
    /// Omits the message of the error, which can quote personal data, because the cause is logged.
    fn from(error: serde_json::Error) -> Error {
        let (category, line, column) = (error.classify(), error.line(), error.column());
        Error::Unexpected(format!("unexpected JSON ({category:?}) at line {line}, column {column}"))
    }
}

/// The field of a unique violation.
///
/// PostgreSQL reports the constraint (`regions_division_code_key`), SQLite the columns (`regions.division_code`). Constraints are
/// therefore named `<table>_<columns>_key`.
fn duplicate_field(info: &dyn diesel::result::DatabaseErrorInformation) -> Option<String> {
    if let (Some(table), Some(constraint)) = (info.table_name(), info.constraint_name()) {
        let field = constraint.strip_prefix(table)?.strip_prefix('_')?.strip_suffix("_key")?;
        return Some(format!("/{field}"));
    }
    let (_, columns) = info.message().split_once("UNIQUE constraint failed: ")?;
    let (_, column) = columns.rsplit_once('.')?;
    Some(format!("/{}", column.strip_suffix("_id").unwrap_or(column)))
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Error {
        use diesel::result::{DatabaseErrorKind as Kind, Error as Db};
        match &error {
            Db::DatabaseError(Kind::UniqueViolation, info) => match duplicate_field(&**info) {
                Some(field) => Problem::conflict(
                    "already_exists",
                    msg!("其他记录已使用该值。", "Another record has the same value."),
                )
                .faults(vec![taken(&field)])
                .into(),
                None => Error::unexpected(error),
            },
            // The service checks references first, but a concurrent write can add one after the check.
            Db::DatabaseError(Kind::ForeignKeyViolation, _) => {
                Problem::conflict(REFERRED_TO, msg!("其他记录引用了此记录。", "Other records refer to this one."))
                    .into()
            }
            Db::DatabaseError(Kind::SerializationFailure | Kind::ClosedConnection | Kind::ReadOnlyTransaction, _)
            | Db::BrokenTransactionManager => Error::Unavailable(error.to_string()),
            Db::DatabaseError(_, info) if is_temporary(info.message()) => Error::Unavailable(error.to_string()),
            _ => Error::unexpected(error),
        }
    }
}

/// The code of the problem that other records refer to a record, which therefore cannot be deleted.
pub const REFERRED_TO: &str = "referred_to";

/// The fault of a unique value that another record has or had.
pub fn taken(pointer: &str) -> Fault {
    Fault {
        pointer: pointer.to_owned(),
        code: "taken",
        message: msg!("该值已被使用过。", "is taken, now or in the past"),
    }
}

/// Whether a message of SQLite or PostgreSQL reports a temporary condition.
fn is_temporary(message: &str) -> bool {
    contains_any(message, TEMPORARY) || contains_any(message, UNKNOWN_OUTCOME)
}

fn contains_any(message: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| message.contains(phrase))
}

const TEMPORARY: &[&str] = &[
    "database is locked",
    "database or disk is full",
    "attempt to write a readonly database",
    "unable to open database file",
    "interrupted",
    "canceling statement",
    "deadlock detected",
    "No space left on device",
    "the database system is",
    // A connection pooler, or a server after a failover, does not have the prepared statement.
    "prepared statement",
    "cached plan must not change result type",
    // The server has become a standby.
    "in a read-only transaction",
];

/// Messages after which it is unknown whether a commit took place.
const UNKNOWN_OUTCOME: &[&str] = &[
    "disk I/O error",
    "server closed the connection",
    "connection to server",
    "could not receive data from server",
    "could not send data to server",
    "terminating connection",
    "no connection to the server",
    "SSL connection has been closed",
    "SSL SYSCALL error",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_errors_do_not_contain_values() {
        let error = serde_json::from_str::<i64>("\n\"13800138000\"").unwrap_err();
        assert!(error.to_string().contains("13800138000"), "serde quotes the value: {error}");
        let message = Error::from(error).to_string();
        assert!(message.contains("Data") && message.contains("line 2") && !message.contains("138"), "{message}");
    }

    #[test]
    fn a_full_disk_is_temporary_and_a_missing_table_is_not() {
        assert!(is_temporary("database or disk is full"));
        assert!(!is_temporary("no such table: agreements"));
    }
}
