//! The suite: one binary, every test through HTTP against the real application, on both backends.

mod api;
mod architecture;
mod cli;
mod cli_exports;
mod cli_imports;
mod common;
mod examples;
mod following;
mod guides;
mod hostile;
mod http_protocol;
mod logs;
mod openapi;
mod openapi_versions;
mod plans;
mod schema;
