//! A tracker of policy pairings: who supports whom, what was agreed, what is done and what is late.
//!
//! A request goes one way through the floors below: the application's middleware, a handler ([`http`], [`resources`]), the
//! engine ([`record`]), the database ([`db`]), and back. A module uses those on lower floors and none above.
//!
//! | floor | module | what it is |
//! |---|---|---|
//! | 19 | [`commands`] | the command line |
//! | 18 | [`backup`] | one archive of a database and its files, made and restored |
//! | 17 | [`doctor`] | checks of a database and its files, for an operator |
//! | 16 | [`app`] | the application: routes, middleware, state; the server and the tests use the same one |
//! | 15 | [`web`] | pages for people, and the service's own state |
//! | 14 | [`openapi`] | the published document, assembled from what the routes declare |
//! | 13 | [`calendar`], [`iati`] | calendar feeds (RFC 5545), and the IATI file |
//! | 12 | [`reports`] | read-only answers to one question each |
//! | 12 | [`transfer`] | files of records: read, plan, apply, export |
//! | 12 | [`webhooks`] | webhooks: messages about audit events, signed, sent and retried |
//! | 11 | [`resources`] | the kinds of records, one folder each |
//! | 10 | [`figures`] | each figure in one place: progress, overdue, on-time rate, pace, people, money |
//! | 9 | [`http`] | extractors, middleware, generic handlers, response cache, problems |
//! | 8 | [`record`] | the engine: create, read, change, delete, restore records of any kind |
//! | 7 | [`audit`] | audit events: their hash chain, and reading them |
//! | 6 | [`access`] | keys, tokens of an issuer, roles, scopes, and redaction of personal data |
//! | 5 | [`db`] | connections, transactions, the writer queue, paging and search over SQLite and PostgreSQL |
//! | 4 | [`validation`] | requests validated against the published schemas |
//! | 3 | [`config`] | settings from flags, environment and file |
//! | 3 | [`normalize`] | normal forms of typed and pasted text |
//! | 3 | [`rules`] | rules across the fields of a request |
//! | 3 | [`spool`] | items stored on disk, so that memory does not grow with them |
//! | 2 | [`error`] | errors, and problems as clients receive them |
//! | 1 | [`model`] | plain types that all floors use: codes, references, texts, decimals, enumerations |
//! | 1 | [`tls`] | the certificates that outgoing connections trust |

#![deny(clippy::expect_used, clippy::panic, clippy::unreachable, clippy::unwrap_used)]

pub mod access;
pub mod app;
pub mod audit;
pub mod backup;
pub mod calendar;
pub mod commands;
pub mod config;
pub mod db;
pub mod doctor;
pub mod error;
pub mod figures;
pub mod http;
pub mod iati;
pub mod model;
pub mod normalize;
pub mod openapi;
pub mod record;
pub mod reports;
pub mod resources;
pub mod rules;
pub mod spool;
pub mod tls;
pub mod transfer;
pub mod validation;
pub mod web;
pub mod webhooks;
