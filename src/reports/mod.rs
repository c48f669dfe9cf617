//! Read-only reports, which aggregate the figures of [`crate::figures`].

pub mod funds;
pub mod overdue;
pub mod pace;
pub mod scorecard;
pub mod timeline;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of the reports.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(scorecard::get_scorecard)
        .service(overdue::list_overdue)
        .service(pace::get_pace)
        .service(timeline::get_timeline)
        .service(funds::get_funds_report);
}
