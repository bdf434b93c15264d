//! The default limit on connections, from the limit on descriptors (`RLIMIT_NOFILE`).

/// Descriptors that are not for connections: requests to the authorization server (64), connections that are being
/// closed or rejected ([`OVERFLOW`](super::connections::OVERFLOW)), the metrics endpoint, listeners, the runtime, logs
/// and files of the bodies. At most half of a low limit.
const RESERVE: u64 = 256;
/// Maximum default. Each open connection takes up to 130 KiB.
const MAX_DEFAULT: usize = 8192;

/// Returns the limit on connections, and logs a warning if the process cannot have as many descriptors.
pub(super) fn max_connections(setting: Option<usize>) -> usize {
    let descriptors = descriptor_limit();
    let available = available(descriptors);
    let Some(max_connections) = setting else { return available.min(MAX_DEFAULT) };
    if max_connections > available {
        tracing::warn!(
            max_connections,
            descriptors,
            reserved = RESERVE,
            "`http.max_connections` is above the limit on open files (`ulimit -n`): raise that limit to the sum of both, or \
             lower the setting; otherwise introspection and calls can fail when many clients are connected"
        );
    }
    max_connections
}

/// Returns the number of connections that a process with this limit can have.
fn available(descriptors: Option<u64>) -> usize {
    let Some(descriptors) = descriptors else { return usize::MAX };
    let connections = descriptors - RESERVE.min(descriptors / 2);
    usize::try_from(connections).unwrap_or(usize::MAX).max(1)
}

/// Returns the soft limit on descriptors of this process; `None` if there is none.
///
/// The limit is not raised to the hard limit: it belongs to the program, and child processes would inherit it.
#[cfg(unix)]
fn descriptor_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn descriptor_limit() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_reserved_for_everything_but_connections() {
        let limits = [0, 1, 128, 256, 1024, 65_536].map(|descriptors| available(Some(descriptors)));
        assert_eq!(limits, [1, 1, 64, 128, 768, 65_280]);
        assert_eq!(available(None), usize::MAX);
        assert!(max_connections(None) <= MAX_DEFAULT);
        assert_eq!(max_connections(Some(3)), 3);
    }
}
