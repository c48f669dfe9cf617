//! A tracker of policy pairings: who supports whom, what was agreed, what is done and what is late.
//!
//! A request's way is short and goes one way: the server ([`app`]) → manners that all operations share ([`http`]) → a
//! resource's `api` → its `store` → the database ([`db`]) → the history ([`audit`]), and back.
//!
//! | module | what it is |
//! |---|---|
//! | [`app`] | the routes and what is around them |
//! | [`commands`] | the command line |
//! | [`config`] | settings from flags, environment and file |
//! | [`validation`] | requests judged by the published document |
//! | [`openapi`] | the published document |
//! | [`http`] | who calls, what is asked, how it is answered: keys, lists, tags, retries, problems |
//! | [`resources`] | the records, one folder a resource, and what every resource does alike |
//! | [`figures`] | each figure in one place: progress, overdue, on-time rate, pace, people, money |
//! | [`reports`] | one read-only question each |
//! | [`transfer`] | files of records, in and out: read, plan, apply, export; calendar feeds; the IATI file |
//! | [`spool`] | items kept on disk, so that memory does not grow with them |
//! | [`db`] | one way to read and to write over SQLite and PostgreSQL |
//! | [`audit`] | who wrote what, in the write's own transaction |
//! | [`doctor`] | checks of a database and its files, for an operator |
//! | [`backup`] | one archive of a database and its files, made and restored |
//! | [`webhooks`] | webhooks: messages of what the history has, signed, sent, and sent again |
//! | [`access`] | keys, an issuer's tokens, roles, the pairings that a key may write, and who sees personal data |
//! | [`rules`] | rules across the fields of a request |
//! | [`error`] | what can go wrong, and how it is told |
//! | [`tls`] | whom the service trusts when it asks others |
//! | [`normalize`] | one form for what people type and paste |
//! | [`text`] | bilingual texts and messages |
//! | [`web`] | the page for people, and the service's own state |

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
