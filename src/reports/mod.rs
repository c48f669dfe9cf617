//! Reports: one read-only question each. Their figures are those of [`crate::figures`], rolled up.

pub mod overdue;
pub mod scorecard;

use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts the reports.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config.service(scorecard::get_scorecard).service(overdue::list_overdue);
}
