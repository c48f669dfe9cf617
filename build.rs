//! Builds anew when a file comes that no list of sources names: a migration, a file of the seed, a test.

fn main() {
    for folder in ["migrations", "seed", "tests/api"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
