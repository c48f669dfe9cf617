//! The client that progenitor generates.

progenitor::generate_api!(spec = "../../../openapi/openapi-3.0.json", interface = Builder, tags = Merged);
