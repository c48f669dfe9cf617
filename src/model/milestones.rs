//! Types of milestones (里程碑).

use diesel::backend::Backend;
use diesel::deserialize::{FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{Output, ToSql};
use diesel::sql_types::BigInt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text_enum;

/// The weight of a milestone among others, with three decimal places; stored in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromSqlRow, AsExpression)]
#[diesel(sql_type = BigInt)]
pub struct Weight(pub i64);

impl Weight {
    /// The default weight.
    pub const ONE: Weight = Weight(1_000);
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "at most 1,000,000,000")]
        serializer.serialize_f64(self.0 as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Weight, D::Error> {
        let weight = f64::deserialize(deserializer)?;
        #[expect(clippy::cast_possible_truncation, reason = "0 to 1,000,000 by the schema, rounded")]
        Ok(Weight((weight * 1000.0).round() as i64))
    }
}

impl<DB: Backend> FromSql<BigInt, DB> for Weight
where
    i64: FromSql<BigInt, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
        i64::from_sql(bytes).map(Weight)
    }
}

impl<DB: Backend> ToSql<BigInt, DB> for Weight
where
    i64: ToSql<BigInt, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> diesel::serialize::Result {
        self.0.to_sql(out)
    }
}

text_enum! {
    /// Status of a milestone.
    Status as "MilestoneStatus" {
        /// 未开始: planned.
        Scheduled => "scheduled",
        /// 进行中: under way.
        InProgress => "in_progress",
        /// 已完成; has the day on which it was met.
        Met => "met",
        /// 部分完成; has the day on which that was established.
        PartiallyMet => "partially_met",
        /// 未完成: its day has passed; has a reason.
        NotMet => "not_met",
        /// 已取消: given up; left out of progress.
        Cancelled => "cancelled",
    }
}

impl Status {
    /// Returns the statuses that may follow this one.
    pub fn next(self) -> &'static [Status] {
        use Status::{Cancelled, InProgress, Met, NotMet, PartiallyMet, Scheduled};
        match self {
            Scheduled => &[InProgress, Met, PartiallyMet, NotMet, Cancelled],
            InProgress => &[Scheduled, Met, PartiallyMet, NotMet, Cancelled],
            PartiallyMet => &[InProgress, Met, NotMet, Cancelled],
            NotMet => &[InProgress, Met, PartiallyMet, Cancelled],
            Met => &[InProgress],
            Cancelled => &[Scheduled],
        }
    }

    /// Whether the work is not done, so that its date can pass.
    pub fn is_open(self) -> bool {
        matches!(self, Status::Scheduled | Status::InProgress | Status::NotMet)
    }

    /// Whether the status has a day on which it was reached.
    pub fn has_met_on(self) -> bool {
        matches!(self, Status::Met | Status::PartiallyMet)
    }
}
