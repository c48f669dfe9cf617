//! Rebuilds the crate when files are added to directories that are embedded or read by macros.

fn main() {
    for folder in ["migrations", "seed", "tests/api"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
