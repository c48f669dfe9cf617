//! Funds (资金): pots of money of a programme, each with a period, focus sectors and the kinds of its sources.
//!
//! What goes in and out of a fund are transactions that name it; the fund itself holds no amounts.

pub mod api;
pub mod sheet;
pub mod store;

use crate::{kind, named, text_enum};

/// The resource.
pub struct Funds;

kind!(
    "fund", "funds", 17, funds, named!(funds by name_zh, name_en),
    "Pots of money with a purpose, a period and focus sectors. 资金。",
    refers to {
        "programme" by funds::programme_id,
        "sector" by fund_sectors::sector_id,
    }
);

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
