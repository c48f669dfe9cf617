//! Responses that are generated piece by piece: small ones stay in memory, larger ones are written to disk until they are
//! sent.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tempfile::{SpooledData, SpooledTempFile, spooled_tempfile};

use super::response::{ReadResponse, digest_tag};
use super::response_cache::CACHED_MAX;
use crate::error::{Error, Result};

/// The body of a response while it is generated.
pub struct Spooled {
    file: BufWriter<SpooledTempFile>,
    digest: Sha256,
}

impl Spooled {
    /// An empty body. It is moved to a temporary file when it becomes too large for the response cache.
    pub fn new() -> Spooled {
        Spooled { file: BufWriter::with_capacity(1 << 16, spooled_tempfile(CACHED_MAX)), digest: Sha256::new() }
    }

    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(failed)
    }

    /// The response with this body.
    pub fn into_response(self, media_type: &'static str) -> Result<ReadResponse> {
        let Spooled { file, digest } = self;
        let etag = digest_tag(&digest.finalize());
        let written = file.into_inner().map_err(|error| failed(error.into_error()))?;
        let (body, file) = match written.into_inner() {
            SpooledData::InMemory(bytes) => (bytes.into_inner(), None),
            SpooledData::OnDisk(file) => (Vec::new(), Some(Arc::<File>::new(file))),
        };
        Ok(ReadResponse { body: body.into(), file, etag, link: None, media_type })
    }
}

impl Default for Spooled {
    fn default() -> Spooled {
        Spooled::new()
    }
}

impl Write for Spooled {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.digest.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::Unavailable(format!("cannot write a temporary file: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_the_same_tag_in_memory_and_on_disk() {
        for length in [0, 100, CACHED_MAX, CACHED_MAX + 1, 3 * CACHED_MAX] {
            let bytes = vec![b'x'; length];
            let mut spooled = Spooled::new();
            bytes.chunks(1_000).for_each(|part| spooled.push(part).unwrap());
            let response = spooled.into_response("text/plain").unwrap();
            assert_eq!(response.file.is_some(), length > CACHED_MAX, "{length}");
            assert_eq!(response.body.len(), if response.file.is_some() { 0 } else { length });
            assert_eq!(response.etag, ReadResponse::new(bytes, "text/plain").etag, "{length}");
        }
    }
}
