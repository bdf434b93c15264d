//! Addresses to listen on.

use std::net::{Ipv4Addr, SocketAddr};

/// Parses an address and a port. `localhost` is 127.0.0.1, and an address that begins with the colon (`:8000`) means all
/// IPv4 interfaces, as in other servers.
pub(crate) fn parse_address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    let ip = match host {
        "" => Ipv4Addr::UNSPECIFIED,
        host if host.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST,
        _ => return None,
    };
    // `parse` alone also accepts `+80`.
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| is_port)?;
    Some((ip, port).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_and_a_port_alone_are_addresses() {
        for (text, address) in [
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("[::1]:8000", "[::1]:8000"),
            ("localhost:8000", "127.0.0.1:8000"),
            (" LocalHost:0 ", "127.0.0.1:0"),
            (":8000", "0.0.0.0:8000"),
        ] {
            assert_eq!(parse_address(text), Some(address.parse().unwrap()), "{text}");
        }
        for text in
            ["", ":", "8000", "localhost", "localhost:", "localhost:+1", ":65536", "example.com:80", "::1:80:"]
        {
            assert_eq!(parse_address(text), None, "{text}");
        }
    }
}
