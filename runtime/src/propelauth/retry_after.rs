//! `Retry-After` (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use http::HeaderValue;

/// Longest wait that is passed on. An authorization server that is away for longer is asked again all the same.
const LONGEST: Duration = Duration::from_secs(300);

/// How long to wait: seconds, or a date. What is neither says nothing.
pub(super) fn read(value: &HeaderValue) -> Option<Duration> {
    read_at(value, SystemTime::now())
}

fn read_at(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Option<u64> {
        // 1994-11-06T08:49:37Z, the date of the RFC's examples.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        read_at(&HeaderValue::from_static(text), now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read_and_capped() {
        assert_eq!(read("7"), Some(7));
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("86400"), Some(300));
        assert_eq!(read("99999999999999999999999999"), Some(300));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:07 GMT"), Some(0));
        assert_eq!(read("Fri, 31 Dec 9999 23:59:59 GMT"), Some(300));
    }

    #[test]
    fn what_is_neither_says_nothing() {
        for text in ["", "soon", "-1", "+1", "1.5", "1s", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
