//! Commitments with an indicator as results: indicator, baseline, target and reported values.

use chrono::{Datelike, NaiveDate};

use super::store::PairingRecords;
use super::xml::Xml;
use crate::error::Result;
use crate::model::decimal::Quantity;
use crate::model::text::Text;
use crate::resources::commitments::api::{Commitment, Indicator};
use crate::resources::commitments::{Accumulation, Direction};
use crate::resources::progress_reports::api::ProgressReport;

/// "Other" in the codelist ResultType: a clause may promise an output or an outcome.
const OTHER: &str = "9";

/// Writes the results of a pairing.
pub fn write(xml: &mut Xml, of: &PairingRecords) -> Result<()> {
    for commitment in &of.commitments {
        let Some(indicator) = &commitment.indicator else { continue };
        let reports: Vec<&ProgressReport> = of
            .reports
            .iter()
            .filter(|report| report.commitment.id == commitment.id && report.value.is_some())
            .collect();
        if indicator.baseline.is_none() && indicator.target.is_none() && reports.is_empty() {
            continue;
        }
        result(xml, commitment, indicator, &reports)?;
    }
    Ok(())
}

fn result(xml: &mut Xml, commitment: &Commitment, indicator: &Indicator, reports: &[&ProgressReport]) -> Result<()> {
    let is_rising = indicator.direction == Direction::Rising;
    // Codelist IndicatorMeasure: percentage or unit.
    let measure = if matches!(indicator.unit.as_str(), "%" | "％") { "2" } else { "1" };
    let ascending = if is_rising { "true" } else { "false" };
    let period = commitment.starts_on.zip(commitment.due_on).filter(|(start, end)| start <= end);
    xml.element("result", &[("type", OTHER)], |xml| {
        xml.narrated("title", &[], &commitment.text)?;
        xml.element("indicator", &[("measure", measure), ("ascending", ascending)], |xml| {
            let name = indicator.name.clone().map_or_else(|| commitment.text.clone(), |zh| Text { zh, en: None });
            xml.narrated("title", &[], &name)?;
            xml.narrated("description", &[], &about(indicator, commitment.starts_on.is_some(), period.is_some()))?;
            if let (Some(baseline), Some(on)) = (indicator.baseline, commitment.starts_on) {
                let (day, year, value) = (on.to_string(), on.year().to_string(), baseline.to_string());
                xml.empty("baseline", &[("iso-date", &day), ("year", &year), ("value", &value)])?;
            }
            if let (Some(target), Some((start, end))) = (indicator.target, period) {
                write_period(xml, start, end, "target", target)?;
            }
            for report in reports {
                if let Some(value) = report.value {
                    write_period(xml, report.period_start_on, report.period_end_on, "actual", value)?;
                }
            }
            Ok(())
        })
    })
}

fn write_period(xml: &mut Xml, start: NaiveDate, end: NaiveDate, what: &str, value: Quantity) -> Result<()> {
    xml.element("period", &[], |xml| {
        xml.empty("period-start", &[("iso-date", start.to_string().as_str())])?;
        xml.empty("period-end", &[("iso-date", end.to_string().as_str())])?;
        xml.empty(what, &[("value", value.to_string().as_str())])
    })
}

/// The unit, the meaning of a period's value, and the values that have no element because a date is missing.
fn about(indicator: &Indicator, has_start: bool, has_period: bool) -> Text {
    let Indicator { unit, baseline, target, accumulation, name: _, direction: _ } = indicator;
    let (of_zh, of_en) = match accumulation {
        Accumulation::Cumulative => ("各期数值累加", "the values of the periods are added up"),
        Accumulation::Last => ("各期数值为期末值", "the value of a period is that at its end"),
    };
    let mut zh = format!("单位：{unit}；{of_zh}");
    let mut en = format!("Unit: {unit}; {of_en}");
    if let (Some(baseline), false) = (baseline, has_start) {
        zh += &format!("；基期值：{baseline}");
        en += &format!("; baseline: {baseline}");
    }
    if let (Some(target), false) = (target, has_period) {
        zh += &format!("；目标值：{target}");
        en += &format!("; target: {target}");
    }
    Text { zh, en: Some(en) }
}
