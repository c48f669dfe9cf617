//! Elements of activities of every level: participants, locations, sectors and documents.

use url::Url;

use super::xml::{Attribute, Xml};
use super::{Reporter, codes};
use crate::db::reference::Reference;
use crate::error::Result;
use crate::model::text::Text;
use crate::resources::documents::api::Document;
use crate::resources::projects::api::SectorShare;
use crate::resources::regions::api::Region;

/// "Local Government" in the codelist OrganisationType.
pub const LOCAL_GOVERNMENT: &str = "11";

/// WGS 84, the only reference system of the standard.
const WGS_84: &str = "http://www.opengis.net/def/crs/EPSG/0/4326";
/// "Reporting Organisation" in the codelists of vocabularies of sectors and tags.
const OWN_VOCABULARY: &str = "99";

/// Writes a participating organisation.
pub fn participant(xml: &mut Xml, role: &str, kind: Option<&str>, name: &Text) -> Result<()> {
    let mut attributes = vec![("role", role)];
    attributes.extend(kind.map(|kind| ("type", kind)));
    xml.narrated("participating-org", &attributes, name)
}

/// Writes the country, always China: divisions are those of GB/T 2260.
pub fn country(xml: &mut Xml) -> Result<()> {
    xml.empty("recipient-country", &[("code", "CN"), ("percentage", "100")])
}

/// Writes a region. `reach` is a code of GeographicLocationReach: "1" for the place of the activity, "2" for that of the intended
/// beneficiaries.
pub fn location(xml: &mut Xml, region: &Region, reach: &str) -> Result<()> {
    let reference = region.division_code.as_ref().unwrap_or(&region.code.0);
    xml.element("location", &[("ref", reference.as_str())], |xml| {
        xml.empty("location-reach", &[("code", reach)])?;
        xml.narrated("name", &[], &region.name)?;
        if let (Some(latitude), Some(longitude)) = (region.latitude, region.longitude) {
            xml.element("point", &[("srsName", WGS_84)], |xml| {
                xml.text("pos", &[], &format!("{latitude} {longitude}"))
            })?;
        }
        // Approximate: the point is somewhere in the division.
        xml.empty("exactness", &[("code", "2")])?;
        xml.empty("location-class", &[("code", "1")])
    })
}

/// Writes sectors with their shares, which sum to 100 percent.
pub fn shares(xml: &mut Xml, sectors: &[SectorShare], reporter: &Reporter) -> Result<()> {
    for SectorShare { sector, percent } in sectors {
        of_own_vocabulary(xml, "sector", sector, Some(&percent.to_string()), reporter)?;
    }
    Ok(())
}

/// Writes sectors without shares: a single one has 100 percent; several are written as tags, because the standard requires a
/// share for each of several sectors.
pub fn fields(xml: &mut Xml, sectors: &[Reference], reporter: &Reporter) -> Result<()> {
    match sectors {
        [only] => of_own_vocabulary(xml, "sector", only, Some("100"), reporter),
        several => several.iter().try_for_each(|sector| of_own_vocabulary(xml, "tag", sector, None, reporter)),
    }
}

fn of_own_vocabulary(
    xml: &mut Xml,
    element: &str,
    sector: &Reference,
    percentage: Option<&str>,
    reporter: &Reporter,
) -> Result<()> {
    let code = sector.key().0;
    let mut attributes: Vec<Attribute<'_>> = vec![("vocabulary", OWN_VOCABULARY), ("code", &code)];
    attributes.extend(reporter.sectors_uri.as_deref().map(|uri| ("vocabulary-uri", uri)));
    attributes.extend(percentage.map(|percentage| ("percentage", percentage)));
    xml.narrated(element, &attributes, &sector.name)
}

/// Writes links to documents. Without an attached file, whose media type is known, the URL is taken to be a web page.
pub fn links(xml: &mut Xml, documents: &[Document]) -> Result<()> {
    for document in documents {
        let Some(url) = document.url.as_deref().and_then(|url| Url::parse(url).ok()) else { continue };
        let format = document.media_type.as_deref().unwrap_or("text/html");
        xml.element("document-link", &[("url", url.as_str()), ("format", format)], |xml| {
            xml.narrated("title", &[], &document.title)?;
            xml.empty("category", &[("code", codes::document_category(document.kind))])?;
            // The codelist Language has the two-letter codes of ISO 639-1.
            let language = document.language.as_deref().and_then(|tag| tag.split('-').next());
            if let Some(language) = language.filter(|language| language.len() == 2) {
                xml.empty("language", &[("code", language)])?;
            }
            match document.published_on {
                Some(on) => xml.empty("document-date", &[("iso-date", on.to_string().as_str())]),
                None => Ok(()),
            }
        })?;
    }
    Ok(())
}

/// Writes a relation to another activity, with its type of the codelist RelatedActivityType.
pub fn related(xml: &mut Xml, kind: &str, identifier: &str) -> Result<()> {
    xml.empty("related-activity", &[("ref", identifier), ("type", kind)])
}
