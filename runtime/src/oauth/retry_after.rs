//! The header `Retry-After` (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use http::HeaderValue;

/// Maximum delay. A longer one is reduced to this, so that a server which recovers early is used again.
const MAX_DELAY: Duration = Duration::from_mins(5);

/// Parses a delay in seconds or a date. Returns `None` for any other value.
pub(super) fn parse(value: &HeaderValue) -> Option<Duration> {
    parse_at(value, SystemTime::now())
}

fn parse_at(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let delay = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(MAX_DELAY, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(delay.min(MAX_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Option<u64> {
        // 1994-11-06T08:49:37Z, the date in the examples of RFC 9110.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        parse_at(&HeaderValue::from_static(text), now).map(|delay| delay.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_parsed_and_limited() {
        assert_eq!(parse("7"), Some(7));
        assert_eq!(parse("0"), Some(0));
        assert_eq!(parse("86400"), Some(300));
        assert_eq!(parse("99999999999999999999999999"), Some(300));
        assert_eq!(parse("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:07 GMT"), Some(0));
        assert_eq!(parse("Fri, 31 Dec 9999 23:59:59 GMT"), Some(300));
    }

    #[test]
    fn other_values_are_ignored() {
        for text in ["", "soon", "-1", "+1", "1.5", "1s", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
