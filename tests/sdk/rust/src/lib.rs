//! The client that progenitor generates.

#![deny(warnings)]

progenitor::generate_api!(spec = "../../../openapi/openapi-3.0.json", interface = Builder, tags = Merged);
