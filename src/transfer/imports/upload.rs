//! Receiving an uploaded file, and the time that a request waits for its plan.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use actix_web::web::Payload;
use sha2::{Digest, Sha256};

use crate::error::{Error, Problem, Result};
use crate::http::Call;
use crate::http::multipart::Described;
use crate::model::hex;
use crate::msg;

/// The most bytes of a file.
pub const FILE_MAX: usize = 64 * 1024 * 1024;
/// How long a request waits for the run that it starts, by default.
const WAIT_DEFAULT: Duration = Duration::from_secs(5);
/// The longest wait in seconds that a request may ask for.
const WAIT_MAX: u64 = 30;

/// The time that a request waits, from its header `Prefer` (RFC 7240).
pub fn max_wait(call: &Call) -> Duration {
    let preferences = call.header("Prefer").unwrap_or_default();
    for preference in preferences.split(',').map(str::trim) {
        if preference.eq_ignore_ascii_case("respond-async") {
            return Duration::ZERO;
        }
        if let Some(seconds) = preference.strip_prefix("wait=").and_then(|seconds| seconds.parse().ok()) {
            return Duration::from_secs(WAIT_MAX.min(seconds));
        }
    }
    WAIT_DEFAULT
}

/// A received file, in a temporary file.
pub struct Received {
    pub described: Described,
    pub file: File,
    /// The first bytes, by which some formats are detected.
    pub beginning: Vec<u8>,
    pub byte_size: u64,
    pub sha256: String,
}

/// Receives a body of at most [`FILE_MAX`] bytes into a temporary file.
pub async fn receive(call: &Call, payload: Payload) -> Result<Received> {
    let no_room = |e: std::io::Error| Error::Unavailable(format!("cannot store an uploaded file: {e}"));
    let mut file = tempfile::tempfile().map_err(no_room)?;
    let (mut beginning, mut byte_size, mut digest) = (Vec::new(), 0_u64, Sha256::new());
    let described = call
        .file(payload, FILE_MAX, |piece| {
            if beginning.len() < 64 {
                beginning.extend_from_slice(&piece[..piece.len().min(64)]);
            }
            byte_size += piece.len() as u64;
            digest.update(piece);
            file.write_all(piece).map_err(no_room)
        })
        .await?;
    if byte_size == 0 {
        return Err(Problem::new(400, "malformed_request", msg!("文件为空", "The file is empty")).into());
    }
    Ok(Received { described, file, beginning, byte_size, sha256: hex(&digest.finalize()) })
}
