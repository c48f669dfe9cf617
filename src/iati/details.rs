//! Parts that activities of every level have: who takes part, where, in which fields, and what can be read about it.

use url::Url;

use super::Reporter;
use super::codes;
use super::xml::{Attribute, Xml};
use crate::db::reference::Reference;
use crate::error::Result;
use crate::model::text::Text;
use crate::resources::documents::api::Document;
use crate::resources::projects::api::SectorShare;
use crate::resources::regions::api::Region;

/// A local government, by the codelist OrganisationType.
pub const LOCAL_GOVERNMENT: &str = "11";

/// Latitude and longitude of WGS 84, the one reference system that the standard has.
const WGS_84: &str = "http://www.opengis.net/def/crs/EPSG/0/4326";
/// The reporter's own vocabulary, of sectors and of tags.
const OWN_VOCABULARY: &str = "99";

/// Who takes part in an activity.
pub fn participant(xml: &mut Xml, role: &str, kind: Option<&str>, name: &Text) -> Result<()> {
    let mut attributes = vec![("role", role)];
    attributes.extend(kind.map(|kind| ("type", kind)));
    xml.said("participating-org", &attributes, name)
}

/// The country. Divisions are China's: the model's are those of GB/T 2260.
pub fn country(xml: &mut Xml) -> Result<()> {
    xml.empty("recipient-country", &[("code", "CN"), ("percentage", "100")])
}

/// A region. `reach`: where the work is ("1"), or where those are whom it is for ("2"), by GeographicLocationReach.
pub fn location(xml: &mut Xml, region: &Region, reach: &str) -> Result<()> {
    let reference = region.division_code.as_ref().unwrap_or(&region.code.0);
    xml.element("location", &[("ref", reference.as_str())], |xml| {
        xml.empty("location-reach", &[("code", reach)])?;
        xml.said("name", &[], &region.name)?;
        if let (Some(latitude), Some(longitude)) = (region.latitude, region.longitude) {
            xml.element("point", &[("srsName", WGS_84)], |xml| {
                xml.text("pos", &[], &format!("{latitude} {longitude}"))
            })?;
        }
        // A division is told by one point in it.
        xml.empty("exactness", &[("code", "2")])?;
        xml.empty("location-class", &[("code", "1")])
    })
}

/// Fields whose shares are known; they sum to 100 percent.
pub fn shares(xml: &mut Xml, sectors: &[SectorShare], reporter: &Reporter) -> Result<()> {
    for SectorShare { sector, percent } in sectors {
        of_own_vocabulary(xml, "sector", sector, Some(&percent.to_string()), reporter)?;
    }
    Ok(())
}

/// Fields whose shares nobody gave: one alone is the whole, several are tags, because a sector among several needs a share.
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
    xml.said(element, &attributes, &sector.name)
}

/// Documents that can be read elsewhere. The media type is known of files that were attached; a web source is a page.
pub fn links(xml: &mut Xml, documents: &[Document]) -> Result<()> {
    for document in documents {
        let Some(url) = document.url.as_deref().and_then(|url| Url::parse(url).ok()) else { continue };
        let format = document.media_type.as_deref().unwrap_or("text/html");
        xml.element("document-link", &[("url", url.as_str()), ("format", format)], |xml| {
            xml.said("title", &[], &document.title)?;
            xml.empty("category", &[("code", codes::document_category(document.kind))])?;
            // The codelist Language has the two letters of ISO 639-1.
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

/// A tie to another activity, by the codelist RelatedActivityType.
pub fn related(xml: &mut Xml, kind: &str, identifier: &str) -> Result<()> {
    xml.empty("related-activity", &[("ref", identifier), ("type", kind)])
}
