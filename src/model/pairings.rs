//! Enumerations of pairings (结对关系).

use crate::text_enum;

text_enum! {
    /// Role of a member in a pairing.
    Role as "PairingRole" {
        /// 支援方: the stronger side.
        Supporter => "supporter",
        /// 受援方: the weaker side.
        Recipient => "recipient",
    }
}
