//! Tests by resource and by manner: every file of this folder.

automod::dir!("tests/api");
