//! Tests by resource and by manner.

mod access;
mod agreement_lists;
mod agreements;
mod concurrency;
mod coverage;
mod documents;
mod figures;
mod manners;
mod milestone_lists;
mod milestones;
mod paging;
mod pairings;
mod registers;
mod reports;
mod seed;
