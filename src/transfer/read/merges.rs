//! Merged ranges: what a cell shows whose content is another's.
//!
//! A range shows its first cell's value in all of its cells. Over several rows that is each row's value. Over several
//! columns that are read it is not known which column's it is; [`super::record`] reports those.

use std::collections::BTreeMap;

use calamine::Dimensions;

use super::line::{Line, Raw};

/// The most bytes that ranges may add to the cells of a sheet: a long text merged over all rows would fill any disk.
const BYTES: usize = 64 << 20;

/// The merged ranges of a sheet, as its rows are read from the top.
pub struct Merges {
    /// From the last to the first, by their first row.
    ahead: Vec<Dimensions>,
    /// Those that reach the current row, by their first column.
    open: BTreeMap<u32, Open>,
    bytes: usize,
}

struct Open {
    range: Dimensions,
    /// `None`: the range shows nothing.
    raw: Option<Raw>,
}

/// A range that a row is part of.
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

    /// Gives the cells of a row what their ranges show; false when that is more than a file may make of its ranges.
    pub fn fill(&mut self, line: &mut Line) -> bool {
        let Some(row) = line.row.checked_sub(1) else { return true };
        self.open.retain(|_, open| open.range.end.0 >= row);
        while self.ahead.last().is_some_and(|range| range.start.0 <= row) {
            let Some(range) = self.ahead.pop() else { break };
            if range.end.0 < row {
                continue;
            }
            // Where the first row has no cell at all, there is nothing to see.
            let raw = if range.start.0 == row { line.at(range.start.1).cloned() } else { None };
            self.open.insert(range.start.1, Open { range, raw });
        }
        // What lies beneath a range is not seen; its first cell is.
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
