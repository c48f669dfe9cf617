//! The test suite: one binary, every test through HTTP against the real application, on both backends.

mod api;
mod architecture;
mod cli;
mod cli_backup;
mod cli_busy;
mod cli_doctor;
mod cli_exports;
mod cli_imports;
mod common;
mod examples;
mod faults;
mod following;
mod guides;
mod hostile;
mod http_protocol;
mod logs;
mod memory;
mod openapi;
mod openapi_versions;
mod plans;
mod schema;
