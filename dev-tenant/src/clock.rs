//! Times and durations in seconds, as OAuth counts them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the seconds since the Unix epoch, or 0 if the clock is before 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// Returns a duration in seconds for people, in the largest unit without a remainder.
pub(crate) fn duration(seconds: u64) -> String {
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length && seconds.is_multiple_of(*length));
    let (length, name) = unit.unwrap_or((1, "second"));
    let count = seconds / length;
    if count == 1 { format!("1 {name}") } else { format!("{count} {name}s") }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_duration_has_one_unit() {
        for (seconds, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (90, "90 seconds"),
            (900, "15 minutes"),
            (3600, "1 hour"),
            (172_800, "2 days"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }
}
