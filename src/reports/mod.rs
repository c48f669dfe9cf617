//! Reports: one read-only question each. Their figures are those of [`crate::figures`], rolled up.

pub mod funds;
pub mod overdue;
pub mod pace;
pub mod scorecard;
pub mod timeline;

use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts the reports.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(scorecard::get_scorecard)
        .service(overdue::list_overdue)
        .service(pace::get_pace)
        .service(timeline::get_timeline)
        .service(funds::get_funds_report);
}
