//! Files that the program embeds compressed.

use std::io::Read;
use std::sync::OnceLock;

use actix_web::http::header::{self, AcceptEncoding, ContentEncoding, Encoding, Header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use flate2::read::GzDecoder;

use crate::error::{Error, Result};

/// Embeds a file that the build script compresses.
macro_rules! embedded {
    ($media_type:expr, $name:literal) => {
        $crate::web::embedded::Embedded::new($media_type, include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")))
    };
}
pub(crate) use embedded;

/// A file, compressed with gzip.
pub struct Embedded {
    media_type: &'static str,
    gzip: &'static [u8],
    /// The decompressed file, once a client does not accept gzip. All responses share it, so that slow readers take no memory.
    plain: OnceLock<Bytes>,
}

impl Embedded {
    pub const fn new(media_type: &'static str, gzip: &'static [u8]) -> Embedded {
        Embedded { media_type, gzip, plain: OnceLock::new() }
    }

    /// The response with the file: as it is embedded if the client accepts gzip, otherwise decompressed.
    pub fn respond(&self, request: &HttpRequest) -> Result<HttpResponse> {
        let mut response = HttpResponse::Ok();
        response.content_type(self.media_type);
        if accepts_gzip(request) {
            response.insert_header(ContentEncoding::Gzip).insert_header((header::VARY, "accept-encoding"));
            return Ok(response.body(self.gzip));
        }
        Ok(response.body(self.plain()?))
    }

    fn plain(&self) -> Result<Bytes> {
        if let Some(plain) = self.plain.get() {
            return Ok(plain.clone());
        }
        let mut content = Vec::new();
        GzDecoder::new(self.gzip).read_to_end(&mut content).map_err(Error::unexpected)?;
        Ok(self.plain.get_or_init(|| content.into()).clone())
    }
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    let codings = [Encoding::identity(), Encoding::gzip()];
    let accepted = AcceptEncoding::parse(request).ok().and_then(|accepted| accepted.negotiate(codings.iter()));
    accepted == Some(Encoding::gzip())
}
