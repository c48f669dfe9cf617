//! Merged ranges.
//!
//! A range shows the value of its first cell in all of its cells. Over several rows, each row gets that value. Over several
//! columns it is ambiguous which column the value belongs to, which [`super::record`] reports.

use std::collections::BTreeMap;

use calamine::Dimensions;

use super::line::{Line, Raw};

/// The most bytes that ranges may add to the cells of a sheet: a long text merged over all rows would fill the disk.
const BYTES: usize = 64 << 20;

/// The merged ranges of a sheet, as its rows are read from the top.
pub struct Merges {
    /// Ranges not reached yet, in descending order of their first row.
    ahead: Vec<Dimensions>,
    /// Ranges that include the current row, by their first column.
    open: BTreeMap<u32, Open>,
    bytes: usize,
}

struct Open {
    range: Dimensions,
    /// `None` if the range is empty.
    raw: Option<Raw>,
}

/// The columns of a range in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: u32,
    pub last: u32,
}

impl Merges {
    pub fn new(mut ranges: Vec<Dimensions>) -> Merges {
        ranges.retain(|range| range.start < range.end);
        ranges.sort_unstable_by_key(|range| std::cmp::Reverse(range.start));
        Merges { ahead: ranges, open: BTreeMap::new(), bytes: 0 }
    }

    /// Fills the cells of a row with the values of their ranges. Returns `false` if the ranges of the sheet exceed [`BYTES`].
    pub fn fill(&mut self, line: &mut Line) -> bool {
        let Some(row) = line.row.checked_sub(1) else { return true };
        self.open.retain(|_, open| open.range.end.0 >= row);
        while self.ahead.last().is_some_and(|range| range.start.0 <= row) {
            let Some(range) = self.ahead.pop() else { break };
            if range.end.0 < row {
                continue;
            }
            // If the first row has no cells, the range is empty.
            let raw = if range.start.0 == row { line.at(range.start.1).cloned() } else { None };
            self.open.insert(range.start.1, Open { range, raw });
        }
        // Cells beneath a range are hidden, except its first one.
        let open = &self.open;
        line.cells.retain(|(at, _)| match open.range(..=*at).next_back() {
            Some((first, Open { range, .. })) if *at <= range.end.1 => at == first && range.start.0 == row,
            _ => true,
        });
        for Open { range, raw } in self.open.values() {
            let span = Span { first: range.start.1, last: range.end.1 };
            self.bytes += 1;
            if let Some(raw) = raw
                && range.start.0 < row
            {
                self.bytes += raw.size();
                let place = line.cells.partition_point(|(at, _)| *at < span.first);
                line.cells.insert(place, (span.first, raw.clone()));
                line.inherited.push(span.first);
            }
            if span.last > span.first {
                line.spans.push(span);
            }
        }
        self.bytes <= BYTES
    }
}
