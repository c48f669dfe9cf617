//! Suggestions for a text that is unknown: what was probably meant.

use std::borrow::Cow;

/// The candidate most similar to a text, or `None` if no similarity reaches `least`, from 0 to 1. `key` gives the form of a
/// candidate that is compared. Of equally similar candidates it is always the same one.
pub fn nearest<'a>(
    text: &str,
    candidates: impl Iterator<Item = &'a str>,
    least: f64,
    key: impl Fn(&'a str) -> Cow<'a, str>,
) -> Option<&'a str> {
    candidates
        .map(|one| (strsim::normalized_damerau_levenshtein(text, &key(one)), one))
        .filter(|(similarity, _)| *similarity >= least)
        .max_by(|(a, one), (b, other)| a.total_cmp(b).then_with(|| other.cmp(one)))
        .map(|(_, one)| one)
}
