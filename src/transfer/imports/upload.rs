//! Taking a file in, and how long its sender waits.

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
/// How long a request waits for the work that it began, unless it says otherwise.
const WAITS: Duration = Duration::from_secs(5);
/// How long it may ask to wait.
const WAITS_MAX: u64 = 30;

/// How long the client wants to wait (`Prefer`, RFC 7240).
pub fn waits(call: &Call) -> Duration {
    let preferences = call.header("Prefer").unwrap_or_default();
    for preference in preferences.split(',').map(str::trim) {
        if preference.eq_ignore_ascii_case("respond-async") {
            return Duration::ZERO;
        }
        if let Some(seconds) = preference.strip_prefix("wait=").and_then(|seconds| seconds.parse().ok()) {
            return Duration::from_secs(WAITS_MAX.min(seconds));
        }
    }
    WAITS
}

/// A file that was received onto disk.
pub struct Received {
    pub described: Described,
    pub file: File,
    /// The first bytes, which tell some formats.
    pub beginning: Vec<u8>,
    pub byte_size: u64,
    pub sha256: String,
}

/// Receives a body onto disk, of at most [`FILE_MAX`] bytes.
pub async fn receive(call: &Call, payload: Payload) -> Result<Received> {
    let no_room = |e: std::io::Error| Error::Unavailable(format!("cannot keep a file that is sent: {e}"));
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
