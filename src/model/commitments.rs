//! Enumerations of commitments (协议事项).

use crate::text_enum;

text_enum! {
    /// Which way an indicator is to move.
    Direction as "IndicatorDirection" {
        /// 上升: more is better.
        Rising => "rising",
        /// 下降: less is better.
        Falling => "falling",
    }
}

text_enum! {
    /// How the values of periods are combined.
    Accumulation as "IndicatorAccumulation" {
        /// 累计: what the period added, in the indicator's direction; the periods are summed up.
        Cumulative => "cumulative",
        /// 期末值: where the indicator stood at the period's end; the last one counts.
        Last => "last",
    }
}
