//! Sets of kinds of records.

use super::reference::Kind;

/// Numbers of kinds are below this.
pub const NUMBERS: usize = 64;
/// Counts changes of data without audit events, such as imports.
pub const UNAUDITED: usize = NUMBERS - 1;
/// Counts additions to the audit log.
pub const LOG: usize = NUMBERS - 2;

/// A set of kinds of records, by [`Kind::number`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindSet(pub(super) u64);

impl KindSet {
    pub const NONE: KindSet = KindSet(0);
    /// All kinds.
    pub const RECORDS: KindSet = KindSet(!(1 << UNAUDITED | 1 << LOG));
    /// All kinds, the audit log, and data that belongs to no kind.
    pub const ALL: KindSet = KindSet(u64::MAX);

    pub fn of(kind: &Kind) -> KindSet {
        let number = u32::try_from(kind.number).unwrap_or(u32::MAX);
        // All kinds where the number does not fit, so that too much is invalidated and never too little.
        1_u64.checked_shl(number).map_or(KindSet::ALL, KindSet)
    }

    #[must_use]
    pub fn with(self, other: KindSet) -> KindSet {
        KindSet(self.0 | other.0)
    }

    #[must_use]
    pub fn without(self, other: KindSet) -> KindSet {
        KindSet(self.0 & !other.0)
    }

    /// Whether the audit log is among them.
    pub fn includes_log(self) -> bool {
        self.0 >> LOG & 1 == 1
    }

    pub fn intersects(self, other: KindSet) -> bool {
        self.0 & other.0 != 0
    }

    pub fn contains(self, kind: &Kind) -> bool {
        let one = KindSet::of(kind).0;
        self.0 & one == one
    }

    pub fn numbers(self) -> impl Iterator<Item = usize> {
        (0..NUMBERS).filter(move |number| self.0 >> number & 1 == 1)
    }
}
