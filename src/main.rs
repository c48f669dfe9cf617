//! The program: see `pairing-tracker --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pairing_tracker::commands::run()
}
