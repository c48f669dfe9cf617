//! Tests of the API by resource and by convention: every file of this folder.

automod::dir!("tests/api");
