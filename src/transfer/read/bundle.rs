//! Bundles in YAML or JSON: a mapping from the path of a resource to a list of records in the shape of its POST body. JSON is
//! read as YAML, of which it is a subset, because that reader knows the line of each field.

use std::io::{Read, Seek};

use saphyr_parser::Event;

use super::encoding::Text;
use super::faults;
use super::yaml::{Events, Node, Stop, name, unsupported};
use crate::error::Result;
use crate::model::text::Msg;
use crate::msg;
use crate::resources::kinds;
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Layout, Place, Row, Sink, Spot};
use crate::validation::normalize_numbers;

pub fn read<F: Read + Seek>(file: &mut F, sink: &mut dyn Sink) -> Result<()> {
    sink.layout(Layout::default())?;
    let mut events = Events::new(Text::new(file)?);
    match documents(&mut events, sink) {
        Ok(()) => Ok(()),
        Err(Stop::Fault(line, code, message)) => sink.fault(at(line, code, &message)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn at(line: usize, code: &str, message: &Msg) -> ImportFault {
    faults::at(&Spot { row: u32::try_from(line).unwrap_or(u32::MAX), ..Spot::default() }, code, message)
}

fn documents<F: Read + Seek>(events: &mut Events<'_, F>, sink: &mut dyn Sink) -> Result<(), Stop> {
    let mut is_root = false;
    while let Some((event, line)) = events.next()? {
        match event {
            Event::DocumentStart(_) => is_root = true,
            Event::MappingStart(..) if is_root => {
                is_root = false;
                resources(events, sink)?;
            }
            event if is_root => {
                is_root = false;
                events.skip(&event)?;
                let message = msg!("须按资源名列出记录。", "must be a mapping from resources to lists of records");
                sink.fault(at(line, "type", &message)).map_err(Stop::Failed)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn resources<F: Read + Seek>(events: &mut Events<'_, F>, sink: &mut dyn Sink) -> Result<(), Stop> {
    let mut seen: Vec<&str> = Vec::new();
    loop {
        let Some((key, line)) = events.next()? else { return Ok(()) };
        if matches!(key, Event::MappingEnd) {
            return Ok(());
        }
        events.skip(&key)?;
        let name = name(&key);
        let Some((value, _)) = events.next()? else { return Ok(()) };
        let Some(kind) = kinds().iter().find(|kind| kind.path == name) else {
            let shown = faults::shown(&name).unwrap_or_default();
            let message = msg!("没有资源 {shown}。", "there is no resource \"{shown}\"");
            let suggestion = super::nearest(&name, kinds().iter().map(|kind| kind.path));
            let fault = ImportFault { suggestion, ..at(line, "unknown_field", &message) };
            sink.fault(fault).map_err(Stop::Failed)?;
            events.skip(&value)?;
            continue;
        };
        let of_kind = |fault: ImportFault| ImportFault { resource: Some(kind.path.to_owned()), ..fault };
        if seen.contains(&kind.path) {
            let message = msg!("资源重复出现。", "is repeated");
            sink.fault(of_kind(at(line, "repeated", &message))).map_err(Stop::Failed)?;
        }
        seen.push(kind.path);
        if let Some((code, message)) = unsupported(&value).or_else(|| unsupported(&key)) {
            sink.fault(of_kind(at(line, code, &message))).map_err(Stop::Failed)?;
        }
        if !matches!(value, Event::SequenceStart(..)) {
            let message = msg!("须为记录列表。", "must be a list of records");
            sink.fault(of_kind(at(line, "type", &message))).map_err(Stop::Failed)?;
            events.skip(&value)?;
            continue;
        }
        loop {
            let Some((event, line)) = events.next()? else { return Ok(()) };
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            let node = events.node(event, line)?;
            record(kind.path, node, sink).map_err(Stop::Failed)?;
        }
    }
}

fn record(path: &'static str, node: Node, sink: &mut dyn Sink) -> Result<()> {
    let Node { value: mut document, line, lines, faults, .. } = node;
    let code = document["code"].as_str().map(str::to_owned);
    let of_record = |fault: ImportFault, pointer: String| ImportFault {
        resource: Some(path.to_owned()),
        record: code.clone(),
        pointer,
        ..fault
    };
    let is_good = faults.is_empty();
    for (line, pointer, fault, message) in faults {
        sink.fault(of_record(at(line, fault, &message), pointer))?;
    }
    if code.is_none() {
        let message = msg!("批量导入的记录须有代码。", "is required in a bundle, because it identifies the record");
        sink.fault(of_record(at(line, "required", &message), "/code".to_owned()))?;
    }
    match code {
        Some(code) if is_good => {
            normalize_numbers(&mut document);
            let row = u32::try_from(line).unwrap_or(u32::MAX);
            let place = Place { table: 0, row, elsewhere: lines };
            sink.row(Row { path: path.to_owned(), code, document, place })
        }
        _ => Ok(()),
    }
}
