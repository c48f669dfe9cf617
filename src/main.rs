//! The program `pairing-tracker`; see `pairing-tracker --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pairing_tracker::commands::run()
}
