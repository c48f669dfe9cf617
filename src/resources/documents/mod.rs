//! Documents (文件): files and web sources. Any record can cite them; that is its provenance.
//!
//! A document's file is set once and never changes: its bytes are checked against the SHA-256 that is kept of them,
//! whenever they are read. Setting the same bytes again is no fault.
//!
//! A document that an editor makes is of the pairings that the editor's key names: editors of other pairings cite it, and
//! cannot change it.

pub mod api;
pub mod directory;
pub mod files;
pub mod store;
pub mod sweep;

use crate::text_enum;

use crate::db::reference::{self, Naming};

/// The resource.
pub struct Documents;

/// The kind of these records.
pub static KIND: reference::Kind = reference::Kind {
    name: "document",
    path: "documents",
    number: 1,
    table: "documents",
    owner: "document_id",
    naming: Naming::Columns { zh: "title_zh", en: "title_en" },
    outgoing: &[api::OUTGOING],
    about: "Files and web sources that records cite. 文件与出处。",
    ..super::defaults()
};

text_enum! {
    /// Kind of document.
    Kind as "DocumentKind" {
        /// 新闻报道: a report in the press.
        NewsReport => "news_report",
        /// 协议文本: the text of an agreement.
        AgreementText => "agreement_text",
        /// 会议纪要: minutes.
        Minutes => "minutes",
        /// 照片: a photograph.
        Photo => "photo",
        /// 工作报告: a report of an office.
        Report => "report",
        /// 其他: anything else.
        Other => "other",
    }
}
