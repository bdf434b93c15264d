//! Trusted proxies: the address of a client behind them.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{HeaderMap, Request};
use ipnet::IpNet;

use crate::{error::BuildProblem, peer::Peer};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Proxies whose `X-Forwarded-For` is trusted.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Parses addresses and networks such as `10.0.0.0/8`.
    ///
    /// # Errors
    ///
    /// One of them is neither.
    pub(crate) fn parse(proxies: &[String]) -> Result<Self, BuildProblem> {
        let network = |text: &String| {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| BuildProblem::TrustedProxy(text.clone()))
        };
        proxies.iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the client that sent a request. `None` if the HTTP server does not report who connected.
    ///
    /// Behind trusted proxies it is the last address in `X-Forwarded-For` that is not one of them: a client can send any
    /// addresses before it.
    pub(crate) fn client<B>(&self, request: &Request<B>) -> Option<Peer> {
        let ConnectInfo(address) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(Peer::new(self.client_address(address.ip().to_canonical(), request.headers())))
    }

    fn client_address(&self, connected: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = connected;
        if self.0.is_empty() || !self.contains(client) {
            return client;
        }
        let values = headers.get_all(FORWARDED_FOR).iter().rev().filter_map(|value| value.to_str().ok());
        for text in values.flat_map(|value| value.rsplit(',')) {
            // What a trusted proxy did not write as an address ends the search.
            let Ok(address) = text.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.contains(client) {
                break;
            }
        }
        client
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client<const N: usize>(trusted: [&str; N], connected: &str, forwarded_for: &[&str]) -> Peer {
        let proxies = TrustedProxies::parse(&trusted.map(str::to_owned)).unwrap();
        let mut request = Request::new(());
        for value in forwarded_for {
            request.headers_mut().append(FORWARDED_FOR, value.parse().unwrap());
        }
        let address = SocketAddr::new(connected.parse().unwrap(), 4000);
        request.extensions_mut().insert(ConnectInfo(address));
        proxies.client(&request).unwrap()
    }

    fn peer(address: &str) -> Peer {
        Peer::new(address.parse().unwrap())
    }

    #[test]
    fn forwarded_addresses_count_only_from_a_trusted_proxy() {
        assert_eq!(client([], "192.0.2.1", &["203.0.113.7"]), peer("192.0.2.1"));
        assert_eq!(client(["10.0.0.0/8"], "192.0.2.1", &["203.0.113.7"]), peer("192.0.2.1"));
        assert_eq!(client(["10.0.0.0/8"], "10.1.1.1", &["203.0.113.7"]), peer("203.0.113.7"));
        assert_eq!(client(["10.0.0.0/8"], "::ffff:10.1.1.1", &["203.0.113.7"]), peer("203.0.113.7"));
        assert_eq!(client(["10.0.0.0/8"], "10.1.1.1", &[]), peer("10.1.1.1"));
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(client(trusted, "10.1.1.1", &["1.1.1.1, 203.0.113.7, 10.2.2.2"]), peer("203.0.113.7"));
        assert_eq!(client(trusted, "10.1.1.1", &["1.1.1.1", "203.0.113.7"]), peer("203.0.113.7"));
        assert_eq!(client(trusted, "10.1.1.1", &["1.1.1.1, unknown"]), peer("10.1.1.1"));
        assert_eq!(client(trusted, "10.1.1.1", &["1.1.1.1, unknown, 10.2.2.2"]), peer("10.2.2.2"));
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        let parse = |text: &str| TrustedProxies::parse(&[text.to_owned()]).map(|proxies| proxies.0[0].to_string());
        assert_eq!(parse("192.0.2.1").as_deref(), Ok("192.0.2.1/32"));
        assert_eq!(parse("2001:db8::/32").as_deref(), Ok("2001:db8::/32"));
        assert_eq!(parse("proxy.example.com"), Err(BuildProblem::TrustedProxy("proxy.example.com".to_owned())));
    }

    #[test]
    fn without_connection_info_the_client_is_unknown() {
        assert_eq!(TrustedProxies::default().client(&Request::new(())), None);
    }
}
