//! The retry schedule of webhook messages.

use std::time::{Duration, SystemTime};

use actix_web::http::header::HttpDate;
use chrono::{DateTime, Utc};

/// Delays after the first attempt, the second, and so on: the example schedule of Standard Webhooks 1.0
/// ("Deliverability and reliability"). Ten attempts within about 76 hours.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// Maximum random extension of a delay, as a fraction of it, so that messages that failed together are not retried
/// together.
const JITTER: f64 = 0.1;

/// Maximum delay that a receiver may request with `Retry-After`.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// Returns the delay after `attempts` attempts, or `None` after the last one. `random` is between 0 and 1.
pub fn pause(attempts: i32, retry_after: Option<Duration>, random: f64) -> Option<Duration> {
    let index = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let scheduled = PAUSES.get(index)?.mul_f64(1.0 + JITTER * random.clamp(0.0, 1.0));
    Some(retry_after.map_or(scheduled, |asked| scheduled.max(asked.min(RETRY_AFTER_MAX))))
}

/// Parses `Retry-After`: seconds or a date (RFC 9110, 10.2.3). Returns `None` for any other value.
pub fn retry_after(header: &str, now: DateTime<Utc>) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date: SystemTime = header.parse::<HttpDate>().ok()?.into();
    // A date in the past means no delay.
    Some((DateTime::<Utc>::from(date) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_within_some_days_and_none_after() {
        let pauses: Vec<u64> = (1..).map_while(|attempts| pause(attempts, None, 0.0)).map(|p| p.as_secs()).collect();
        assert_eq!(pauses, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(pause(10, Some(Duration::from_secs(1)), 0.0), None);
        assert_eq!(pause(0, None, 0.0), None);
        assert_eq!(pause(2, None, 1.0), Some(Duration::from_secs(330)));
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_within_a_day_and_never_for_less() {
        let asked = |seconds| pause(1, Some(Duration::from_secs(seconds)), 0.0).map(|pause| pause.as_secs());
        assert_eq!((asked(1), asked(60), asked(u64::MAX)), (Some(5), Some(60), Some(86_400)));
        let now = DateTime::parse_from_rfc3339("2022-04-11T01:30:00Z").unwrap().to_utc();
        for (header, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Mon, 11 Apr 2022 01:31:00 GMT", Some(60)),
            ("Mon, 11 Apr 2022 01:29:00 GMT", Some(0)),
            // The obsolete forms, which recipients must accept (RFC 9110, section 5.6.7).
            ("Monday, 11-Apr-22 01:31:00 GMT", Some(60)),
            ("Mon Apr 11 01:31:00 2022", Some(60)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(header, now), seconds.map(Duration::from_secs), "{header}");
        }
    }
}
