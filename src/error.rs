//! One error at the edge, and which error goes where.
//!
//! A client's mistake is a [`Problem`]: a status, a stable code, words in two languages and, field by field, what is
//! wrong ([`Fault`]). Whatever else goes wrong is [`Error::Unavailable`] (busy, full, unreachable: 503, try again) or
//! [`Error::Unexpected`] (a defect: logged whole with the request's id, and shown as that id alone).

use crate::model::text::Msg;
use crate::msg;

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer into the request's body; `/query/name` and `/header/Name` for what is outside it.
    pub pointer: String,
    /// Stable and snake_case.
    pub code: &'static str,
    pub message: Msg,
}

/// A refusal that the client can do something about (RFC 9457).
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: u16,
    /// Stable and snake_case; the problem's `type` is derived from it.
    pub code: &'static str,
    pub title: Msg,
    pub detail: Option<Msg>,
    pub faults: Vec<Fault>,
    /// The methods that there are, for 405.
    pub allow: Option<String>,
    /// Seconds after which it is worth trying again.
    pub retry_after: Option<u64>,
    /// The content codings that are accepted, for 415.
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

    /// 400: the request cannot be read, or names what does not exist in the contract.
    pub fn malformed(faults: Vec<Fault>) -> Problem {
        Problem::new(400, "malformed_request", msg!("请求格式有误", "The request is malformed")).faults(faults)
    }

    /// 422: the request can be read, and breaks a rule.
    pub fn invalid(faults: Vec<Fault>) -> Problem {
        Problem::new(422, "validation_failed", msg!("请求内容不符合规则", "The request breaks a rule")).faults(faults)
    }

    /// 404 for a path's reference.
    pub fn not_found(kind: &str, reference: &str) -> Problem {
        // A path may name anything.
        let reference: String = reference.chars().filter(|letter| !letter.is_control()).take(100).collect();
        Problem::new(404, "not_found", msg!("未找到", "Not found"))
            .detail(msg!("没有 {kind} “{reference}”。", "There is no {kind} \"{reference}\"."))
    }

    pub fn unauthorized(detail: Msg) -> Problem {
        Problem::new(401, "unauthorized", msg!("需要有效的密钥", "A valid key is needed")).detail(detail)
    }

    pub fn forbidden(detail: Msg) -> Problem {
        Problem::new(403, "forbidden", msg!("无权进行此操作", "Not allowed")).detail(detail)
    }

    pub fn conflict(code: &'static str, detail: Msg) -> Problem {
        Problem::new(409, code, msg!("与现有数据冲突", "In conflict with what is there")).detail(detail)
    }
}

/// Gathers every fault of a request before it is refused.
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

    /// Refuses the request (422) when anything is wrong with it.
    pub fn refuse(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0).into()) }
    }
}

/// What a request can end in besides its answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.title.en)]
    Problem(Box<Problem>),
    /// The store cannot serve now, and may later.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A write may have been committed or not: the connection or the disk failed during the commit.
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

    /// The error of a commit: where it leaves open whether the commit took place, the outcome is unknown.
    pub fn of_commit(error: diesel::result::Error) -> Error {
        use diesel::result::{DatabaseErrorKind as Kind, Error as Db};
        let is_open = match &error {
            Db::DatabaseError(Kind::ClosedConnection, _) => true,
            Db::DatabaseError(_, info) => is_any_of(info.message(), UNDECIDED),
            _ => false,
        };
        if is_open { Error::OutcomeUnknown(error.to_string()) } else { error.into() }
    }

    /// What went wrong, in words for an operator.
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
            Error::Unavailable(_) => Problem::new(503, "unavailable", msg!("服务暂不可用", "Unavailable for now"))
                .detail(msg!("请稍后重试；未写入任何内容。", "Nothing was written; try again shortly."))
                .retry_after(1),
            Error::OutcomeUnknown(_) => Problem::new(
                503,
                "outcome_unknown",
                msg!("无法确定是否已写入", "It is not known whether the write took place"),
            )
            .detail(msg!(
                "提交时连接中断。请用相同的 Idempotency-Key 重试，或先读取该记录再决定。",
                "The connection to the database was lost during the commit. Repeat the request with the same \
                         Idempotency-Key, or read the record before you decide."
            ))
            .retry_after(1),
            Error::Unexpected(_) => Problem::new(500, "internal_error", msg!("服务内部错误", "Internal error")).detail(
                msg!("请将 request_id 告知管理员。", "Tell the operator the request_id; the log has the rest."),
            ),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Problem(Box::new(problem))
    }
}

impl From<serde_json::Error> for Error {
    /// Without the words of the error, which may quote a private value into the log.
    fn from(error: serde_json::Error) -> Error {
        let (category, line, column) = (error.classify(), error.line(), error.column());
        Error::Unexpected(format!("JSON that is not what it should be ({category:?}) at line {line}, column {column}"))
    }
}

/// The field whose value another record has: PostgreSQL names the constraint (`regions_division_code_key`), SQLite the
/// columns (`regions.division_code`). Constraints are named `<table>_<columns>_key` for this.
fn taken_field(info: &dyn diesel::result::DatabaseErrorInformation) -> Option<String> {
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
            Db::DatabaseError(Kind::UniqueViolation, info) => match taken_field(&**info) {
                Some(field) => Problem::conflict("already_exists", msg!("已存在相同的值。", "The value is taken."))
                    .faults(vec![taken(&field)])
                    .into(),
                None => Error::unexpected(error),
            },
            // What a delete or a change would leave dangling; the service looks first, another writer may be faster.
            Db::DatabaseError(Kind::ForeignKeyViolation, _) => {
                Problem::conflict("referred_to", msg!("其他记录引用了此记录。", "Other records refer to this one."))
                    .into()
            }
            Db::DatabaseError(Kind::SerializationFailure | Kind::ClosedConnection | Kind::ReadOnlyTransaction, _)
            | Db::BrokenTransactionManager => Error::Unavailable(error.to_string()),
            Db::DatabaseError(_, info) if is_passing(info.message()) => Error::Unavailable(error.to_string()),
            _ => Error::unexpected(error),
        }
    }
}

/// The fault of a value that another record holds or held.
pub fn taken(pointer: &str) -> Fault {
    Fault {
        pointer: pointer.to_owned(),
        code: "taken",
        message: msg!("该值已被使用过。", "is taken, now or in the past"),
    }
}

/// Conditions that end by themselves or by an operator's hand, in the words of SQLite and PostgreSQL.
fn is_passing(message: &str) -> bool {
    is_any_of(message, PASSING) || is_any_of(message, UNDECIDED)
}

fn is_any_of(message: &str, words: &[&str]) -> bool {
    words.iter().any(|words| message.contains(words))
}

const PASSING: &[&str] = &[
    "database is locked",
    "database or disk is full",
    "attempt to write a readonly database",
    "unable to open database file",
    "interrupted",
    "canceling statement",
    "deadlock detected",
    "No space left on device",
    "the database system is",
    // A pooler, or a server after a failover, that never prepared the statement.
    "prepared statement",
    "cached plan must not change result type",
    // The server is a standby now.
    "in a read-only transaction",
];

/// What leaves the fate of a commit open.
const UNDECIDED: &[&str] = &[
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
    fn what_is_wrong_with_json_is_told_without_its_values() {
        let error = serde_json::from_str::<i64>("\n\"13800138000\"").unwrap_err();
        assert!(error.to_string().contains("13800138000"), "the words quote it: {error}");
        let told = Error::from(error).to_string();
        assert!(told.contains("Data") && told.contains("line 2") && !told.contains("138"), "{told}");
    }

    #[test]
    fn a_full_disk_is_passing_and_a_missing_table_is_not() {
        assert!(is_passing("database or disk is full"));
        assert!(!is_passing("no such table: agreements"));
    }
}
