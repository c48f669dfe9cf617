//! How many resolutions are open, overdue, done and dropped on a date.

use std::ops::AddAssign;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::resolutions::State;

/// How many resolutions have each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ResolutionCounts {
    /// How many there are.
    #[schema(minimum = 0, example = 8)]
    pub total: i64,
    /// To be done, and not late.
    #[schema(minimum = 0, example = 3)]
    pub open: i64,
    /// Past their due date and not done.
    #[schema(minimum = 0, example = 1)]
    pub overdue: i64,
    /// Done.
    #[schema(minimum = 0, example = 4)]
    pub done: i64,
    /// Given up.
    #[schema(minimum = 0, example = 0)]
    pub dropped: i64,
}

impl AddAssign<State> for ResolutionCounts {
    fn add_assign(&mut self, state: State) {
        self.total += 1;
        *match state {
            State::Open => &mut self.open,
            State::Overdue => &mut self.overdue,
            State::Done => &mut self.done,
            State::Dropped => &mut self.dropped,
        } += 1;
    }
}
