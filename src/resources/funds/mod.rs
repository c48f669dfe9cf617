//! Funds (资金): pots of money of a programme, each with a period, focus sectors and the kinds of its sources.
//!
//! What goes in and out of a fund are transactions that name it; the fund itself holds no amounts.

pub mod api;
pub mod store;

use crate::text_enum;

use crate::db::reference::Kind;

/// The resource.
pub struct Funds;

/// The kind of these records.
pub static KIND: Kind = Kind {
    name: "fund",
    path: "funds",
    number: 17,
    table: "funds",
    owner: "fund_id",
    outgoing: &[api::OUTGOING],
    about: "Pots of money with a purpose, a period and focus sectors. 资金。",
    ..super::defaults()
};

text_enum! {
    /// Where a fund's money comes from.
    Source as "FundSource" {
        /// 财政资金.
        Fiscal => "fiscal",
        /// 国有企业.
        StateEnterprise => "state_enterprise",
        /// 社会资本.
        SocialCapital => "social_capital",
        /// 社会捐赠.
        Donation => "donation",
    }
}
