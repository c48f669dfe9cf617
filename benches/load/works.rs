//! The measured works, as one table.

use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;

use super::deep;
use super::generator::{Load, Request};
use super::http::get;
use super::names::Name;
use super::peer::requests as peer;
use super::scene::{self, Scene};

/// Creates each second beside typical reads.
const PACE: u32 = 50;

/// The loads of a work, by the requests to a service and the number of connections.
type Loads = fn(&Rc<Scene>, usize) -> Vec<Load>;

/// One work: loads that run side by side.
pub struct Work {
    /// Its first row.
    pub row: Name,
    pub service: Loads,
    /// The same against PostgREST.
    pub peer: Option<Loads>,
}

const fn work(row: Name, service: Loads) -> Work {
    Work { row, service, peer: None }
}

impl Work {
    const fn beside(self, peer: Loads) -> Work {
        Work { peer: Some(peer), ..self }
    }
}

/// Works that only read: all their rounds are measured on the data as they were filled.
pub const READS: &[Work] = &[
    work(Name::One, |s, n| read(s, n, Name::One, |s, _| s.one())).beside(peer::one),
    work(Name::OneRepeated, |_, n| repeat(n, Name::OneRepeated, get(&scene::repeated_one()), &[200])),
    work(Name::NotModified, |s, n| repeat(n, Name::NotModified, s.unchanged(), &[304])),
    work(Name::Page, |s, n| read(s, n, Name::Page, |s, _| s.page(""))).beside(peer::page),
    work(Name::PageWithTotal, |s, n| read(s, n, Name::PageWithTotal, |s, _| s.page("&count=true")))
        .beside(peer::page_with_total),
    work(Name::DeepPage, |s, n| vec![deep::load(s, n)]).beside(peer::deep_page),
    work(Name::OtherPages, |s, n| read(s, n, Name::OtherPages, |s, _| s.other_page())),
    work(Name::PageRepeated, |_, n| repeat(n, Name::PageRepeated, get(&scene::repeated_page()), &[200]))
        .beside(peer::page_repeated),
    work(Name::Scorecard, |s, n| read(s, n, Name::Scorecard, |s, _| s.scorecard())).beside(peer::scorecard),
    work(Name::OtherScorecards, |s, n| read(s, n, Name::OtherScorecards, |s, _| s.other_scorecard())),
    work(Name::ScorecardRepeated, |_, n| repeat(n, Name::ScorecardRepeated, get(&scene::repeated_scorecard()), &[200])),
];

/// Works that write, and the reads without writes that they are compared with.
pub const WRITES: &[Work] = &[
    work(Name::ReadsAlone, |s, n| read(s, n, Name::ReadsAlone, Scene::typical)),
    work(Name::ReadsBesideWrites, |s, n| {
        let mut loads = read(s, n, Name::ReadsBesideWrites, Scene::typical);
        let creates = Load { interval: Some(Duration::from_secs(1) / PACE), ..create(s, 1, Name::WritesBesideReads) };
        loads.push(creates);
        loads
    }),
    work(Name::ScorecardAfterWrite, |s, _| vec![scorecard_after_write(s)]),
    work(Name::FewWrites, |s, n| vec![mixed(s, n, Name::FewWrites, 113)]),
    work(Name::ManyWrites, |s, n| vec![mixed(s, n, Name::ManyWrites, 10)]),
    work(Name::CreateAlone, |s, _| vec![create(s, 1, Name::CreateAlone)]),
    work(Name::CreateTogether, |s, n| vec![create(s, n, Name::CreateTogether)]).beside(peer::create),
];

fn request(target: &str, row: Name) -> Request {
    Request { bytes: get(target).into_bytes(), statuses: &[200], row }
}

fn read(
    scene: &Rc<Scene>,
    connections: usize,
    row: Name,
    target: impl Fn(&Scene, &mut StdRng) -> Option<String> + 'static,
) -> Vec<Load> {
    let scene = scene.clone();
    vec![Load::new(connections, move |random| Some(request(&target(&scene, random)?, row)))]
}

fn repeat(connections: usize, row: Name, request: String, statuses: &'static [u16]) -> Vec<Load> {
    vec![Load::new(connections, move |_| Some(Request { bytes: request.clone().into_bytes(), statuses, row }))]
}

fn create(scene: &Rc<Scene>, connections: usize, row: Name) -> Load {
    let scene = scene.clone();
    Load::new(connections, move |random| Some(Request { bytes: scene.create(random), statuses: &[201], row }))
}

/// One connection that creates a milestone and then reads a scorecard, again and again.
fn scorecard_after_write(scene: &Rc<Scene>) -> Load {
    let scene = scene.clone();
    Load::new(1, move |random| {
        if scene.is_create(1) {
            Some(Request { bytes: scene.create(random), statuses: &[201], row: Name::WriteBeforeScorecard })
        } else {
            Some(request(&scene.scorecard()?, Name::ScorecardAfterWrite))
        }
    })
}

/// Typical reads, with one create after so many of them.
fn mixed(scene: &Rc<Scene>, connections: usize, row: Name, reads: u64) -> Load {
    let scene = scene.clone();
    Load::new(connections, move |random| {
        if scene.is_create(reads) {
            Some(Request { bytes: scene.create(random), statuses: &[201], row })
        } else {
            Some(request(&scene.typical(random)?, row))
        }
    })
}
