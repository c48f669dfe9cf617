//! The program `pairing-tracker`; see `pairing-tracker --help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pairing_tracker::commands::run()
}
