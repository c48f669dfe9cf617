//! Enumerations of ledger entries (资金流水).

use crate::text_enum;

text_enum! {
    /// Kind of ledger entry.
    Kind as "TransactionKind" {
        /// 承诺: announced, not yet binding.
        Pledge => "pledge",
        /// 安排: bound for a purpose.
        Commitment => "commitment",
        /// 拨付: paid to who is to spend it.
        Disbursement => "disbursement",
        /// 支出: spent on goods and services.
        Expenditure => "expenditure",
        /// 冲销: takes back an earlier entry, in whole or in part.
        Reversal => "reversal",
    }
}

impl Kind {
    /// What such an entry is called, in Chinese and English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Pledge => ("承诺", "pledge"),
            Kind::Commitment => ("安排", "commitment"),
            Kind::Disbursement => ("拨付", "disbursement"),
            Kind::Expenditure => ("支出", "expenditure"),
            Kind::Reversal => ("冲销", "reversal"),
        }
    }
}
