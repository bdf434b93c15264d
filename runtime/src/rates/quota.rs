//! What is left of the quotas of a caller, and the response headers that say so: `RateLimit-Policy` and `RateLimit` of
//! draft-ietf-httpapi-ratelimit-headers-11.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{LimitKind, RateLimited};
use crate::{metrics::Label as _, rate::Rate};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What is left of a quota after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(super) limit: LimitKind,
    pub(super) rate: Rate,
    pub(super) remaining: u32,
}

impl Quota {
    /// Returns the time until the whole quota is available again, in seconds, rounded up.
    fn reset_seconds(self) -> u64 {
        let used = u64::from(self.rate.quantity() - self.remaining.min(self.rate.quantity()));
        (used * self.rate.period().as_secs()).div_ceil(u64::from(self.rate.quantity()))
    }
}

/// A counted request: what is left of the quota, if the response shows one.
pub(crate) type Counted = Result<Option<Quota>, Box<RateLimited>>;

/// The quotas that a request was counted in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quotas([Option<Quota>; 2]);

impl Quotas {
    /// Adds the quota of a counted request.
    ///
    /// # Errors
    ///
    /// The request is beyond the rate.
    pub(crate) fn record(&mut self, counted: Counted) -> Result<(), Box<RateLimited>> {
        let quota = match &counted {
            Ok(quota) => *quota,
            Err(limited) => limited.quota(),
        };
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none()) {
            *place = quota;
        }
        counted.map(drop)
    }

    /// Adds the headers about the quotas, if there are any.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        if self.0[0].is_none() {
            return;
        }
        let (mut policy, mut limit) = (String::with_capacity(64), String::with_capacity(64));
        for quota in self.0.iter().flatten() {
            let (name, rate) = (quota.limit.name(), quota.rate);
            push_item(&mut policy, name, [(";q=", rate.quantity().into()), (";w=", rate.period().as_secs())]);
            push_item(&mut limit, name, [(";r=", quota.remaining.into()), (";t=", quota.reset_seconds())]);
        }
        for (name, list) in [(POLICY, policy), (LIMIT, limit)] {
            // The names and numbers are visible ASCII.
            if let Ok(value) = HeaderValue::from_str(&list) {
                headers.insert(name, value);
            }
        }
    }
}

/// Appends an item with parameters to a list (RFC 9651, section 3.1).
fn push_item(list: &mut String, name: &str, parameters: [(&str, u64); 2]) {
    list.push_str(if list.is_empty() { "\"" } else { ", \"" });
    list.push_str(name);
    list.push('"');
    for (key, value) in parameters {
        list.push_str(key);
        list.push_str(itoa::Buffer::new().format(value));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_headers_are_lists_with_an_item_for_each_quota() {
        let mut quotas = Quotas::default();
        let mut headers = HeaderMap::new();
        quotas.add_headers(&mut headers);
        assert!(headers.is_empty());
        let quota = |limit, rate, remaining| Ok(Some(Quota { limit, rate, remaining }));
        quotas.record(quota(LimitKind::Caller, Rate::per_minute(600), 599)).unwrap();
        quotas.add_headers(&mut headers);
        assert_eq!(
            (&headers[POLICY], &headers[LIMIT]),
            (&r#""caller";q=600;w=60"#.parse().unwrap(), &r#""caller";r=599;t=1"#.parse().unwrap())
        );
        quotas.record(quota(LimitKind::Operation, Rate::per_hour(3), 1)).unwrap();
        quotas.add_headers(&mut headers);
        assert_eq!(headers[POLICY], r#""caller";q=600;w=60, "operation";q=3;w=3600"#);
        assert_eq!(headers[LIMIT], r#""caller";r=599;t=1, "operation";r=1;t=2400"#);
    }

    #[test]
    fn the_quota_of_all_callers_is_not_shown() {
        let limited = |limit| {
            let retry_after = Duration::from_secs(2);
            Err(Box::new(RateLimited { limit, rate: Rate::per_minute(30), subject: "payroll".into(), retry_after }))
        };
        for (limit, shown) in
            [(LimitKind::OperationTotal, None), (LimitKind::Operation, Some(r#""operation";r=0;t=60"#))]
        {
            let mut quotas = Quotas::default();
            quotas.record(limited(limit)).unwrap_err();
            let mut headers = HeaderMap::new();
            quotas.add_headers(&mut headers);
            assert_eq!(headers.get(LIMIT).map(|value| value.to_str().unwrap()), shown);
        }
    }
}
