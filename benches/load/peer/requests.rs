//! The same requests to PostgREST, in the form that is fastest for it: pairings by id instead of code, an array instead of an
//! object for one record, and creates that return nothing and insert one row.

use std::rc::Rc;

use chrono::{Days, Utc};
use rand::RngExt;
use serde_json::json;

use crate::dataset::{PROGRAMME, pairing_of};
use crate::deep;
use crate::generator::{Load, Request};
use crate::names::Name;
use crate::scene::{LIMIT, OverdueList, Scene, post};

/// A milestone with what the service embeds.
const SELECT: &str = "select=*,agreement:agreements(id,code,title_zh,title_en),project:projects(id,code,title_zh,title_en),\
    pairing:pairings(id,code,name_zh,name_en),responsible:organizations(id,code,name_zh,name_en),\
    depends_on:milestone_dependencies!milestone_dependencies_milestone_id_fkey(\
    milestone:milestones!milestone_dependencies_depends_on_id_fkey(id,code,title_zh,title_en)),\
    citations(field,locator,note,document:documents(id,code,title_zh,title_en))";

fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: load\r\n{headers}\r\n").into_bytes()
}

fn list(OverdueList { pairing, due_from, as_of }: &OverdueList) -> String {
    format!(
        "/milestones?{SELECT}&pairing_id=eq.{pairing}&is_open=is.true&due_on=lt.{as_of}&due_on=gte.{due_from}\
         &order=due_on,id&limit={LIMIT}"
    )
}

pub fn one(scene: &Rc<Scene>, connections: usize) -> Vec<Load> {
    let milestones = scene.facts.milestones;
    vec![Load::new(connections, move |random| {
        let target = format!("/milestones?{SELECT}&id=eq.{}", random.random_range(1..=milestones));
        Some(Request { bytes: get(&target, ""), statuses: &[200], row: Name::One })
    })]
}

pub fn page(scene: &Rc<Scene>, connections: usize) -> Vec<Load> {
    let scene = scene.clone();
    vec![Load::new(connections, move |_| {
        Some(Request { bytes: get(&list(&scene.overdue_list()?), ""), statuses: &[200], row: Name::Page })
    })]
}

pub fn page_with_total(scene: &Rc<Scene>, connections: usize) -> Vec<Load> {
    let scene = scene.clone();
    vec![Load::new(connections, move |_| {
        let bytes = get(&list(&scene.overdue_list()?), "Prefer: count=exact\r\n");
        // 206 is a list that goes on after this page.
        Some(Request { bytes, statuses: &[200, 206], row: Name::PageWithTotal })
    })]
}

pub fn deep_page(scene: &Rc<Scene>, connections: usize) -> Vec<Load> {
    let (scene, before) = (scene.clone(), deep::pages_before(&scene.facts) * LIMIT);
    vec![Load::new(connections, move |random| {
        let offset = before + random.random_range(0..=before / 20);
        let target = format!("{}&offset={offset}", list(&scene.whole_list()));
        Some(Request { bytes: get(&target, ""), statuses: &[200], row: Name::DeepPage })
    })]
}

pub fn page_repeated(scene: &Rc<Scene>, connections: usize) -> Vec<Load> {
    let request = get(&list(&scene.whole_list()), "");
    vec![Load::new(connections, move |_| {
        Some(Request { bytes: request.clone(), statuses: &[200], row: Name::PageRepeated })
    })]
}

pub fn scorecard(scene: &Rc<Scene>, connections: usize) -> Vec<Load> {
    let scene = scene.clone();
    vec![Load::new(connections, move |_| {
        let target = format!("/rpc/scorecard?programme={PROGRAMME}&as_of={}", scene.scorecard_date()?);
        Some(Request { bytes: get(&target, "Accept-Profile: peer\r\n"), statuses: &[200], row: Name::Scorecard })
    })]
}

pub fn create(scene: &Rc<Scene>, connections: usize) -> Vec<Load> {
    let (agreements, due_on) = (scene.facts.agreements, Utc::now().date_naive() + Days::new(400));
    vec![Load::new(connections, move |random| {
        let agreement = random.random_range(1..=agreements);
        let body = json!({
            "version": 1,
            "created_at": "now",
            "updated_at": "now",
            "pairing_id": pairing_of(agreement),
            "agreement_id": agreement,
            "title_zh": format!("联席会议纪要第{}号", random.random_range(1..1_000_000)),
            "title_en": "Minutes",
            "due_on": due_on,
            "baseline_due_on": due_on,
            "weight_thousandths": 2_500,
            "progress": 10,
            "status": "in_progress",
        })
        .to_string();
        let bytes = post("/milestones", "Prefer: return=minimal\r\n", &body);
        Some(Request { bytes, statuses: &[201], row: Name::CreateTogether })
    })]
}
