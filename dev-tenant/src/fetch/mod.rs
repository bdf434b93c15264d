//! Fetching of a small JSON document, bounded in time and size.
//!
//! Any website can send a browser here with a URL for the tenant to fetch. A document is therefore fetched only from a
//! public address or, if the host of its URL is a loopback one, from a loopback address.

mod public_address;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use url::{Host, Url};

use crate::resource::is_loopback;

use public_address::is_public;

/// Reasons why a document cannot be fetched, as clauses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("its host cannot be resolved: {0}")]
    Resolve(#[from] std::io::Error),
    #[error("its host has no public address")]
    NotPublic,
    #[error("it did not arrive within {seconds} seconds", seconds = .0.as_secs())]
    TimedOut(Duration),
    #[error("it cannot be fetched: {0}")]
    Http(#[from] reqwest::Error),
    #[error("its fetch returned the status {0}")]
    Status(reqwest::StatusCode),
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
}

/// Fetches a document without a proxy or redirects. The time limit includes the resolution of the host.
pub(crate) async fn fetch(url: Url, timeout: Duration, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let fetched = tokio::time::timeout(timeout, fetch_bounded(url, max_bytes)).await;
    fetched.map_err(|_| FetchError::TimedOut(timeout))?
}

async fn fetch_bounded(url: Url, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    // Without a proxy, which would resolve the host again. A host that is an address is not resolved.
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .resolve_to_addrs(&host, &allowed_addresses(&url).await?)
        .build()?;
    let mut response = client.get(url).header("accept", "application/json").send().await?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if text.len() + chunk.len() > max_bytes {
            return Err(FetchError::TooLarge(max_bytes));
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// Resolves the host of a URL to the addresses that the tenant connects to: loopback addresses for a loopback host, public
/// ones for any other host.
async fn allowed_addresses(url: &Url) -> Result<Vec<SocketAddr>, FetchError> {
    let port = url.port_or_known_default().unwrap_or_default();
    let resolved: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(address)) => vec![(address, port).into()],
        Some(Host::Ipv6(address)) => vec![(address, port).into()],
        Some(Host::Domain(name)) => tokio::net::lookup_host((name, port)).await?.collect(),
        None => Vec::new(),
    };
    let is_allowed: fn(IpAddr) -> bool = if is_loopback(url) { |address| address.is_loopback() } else { is_public };
    let allowed: Vec<_> = resolved.into_iter().filter(|address| is_allowed(address.ip())).collect();
    if allowed.is_empty() { Err(FetchError::NotPublic) } else { Ok(allowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_public_addresses_and_those_of_a_loopback_host_are_connected_to() {
        let addresses = async |url: &str| allowed_addresses(&Url::parse(url).unwrap()).await;
        for url in [
            "https://169.254.169.254/client.json",
            "https://10.0.0.1/client.json",
            "https://192.168.1.1:8443/client.json",
            "https://0x0a000001/client.json",
            "https://0.0.0.0/client.json",
            "https://[fe80::1]/client.json",
            "https://[fd00::1]/client.json",
            "https://[::ffff:10.0.0.1]/client.json",
            "https://[::]/client.json",
        ] {
            assert!(matches!(addresses(url).await, Err(FetchError::NotPublic)), "{url}");
        }
        assert_eq!(addresses("https://8.8.8.8/client.json").await.unwrap(), ["8.8.8.8:443".parse().unwrap()]);
        assert_eq!(addresses("http://127.0.0.1:9/client.json").await.unwrap(), ["127.0.0.1:9".parse().unwrap()]);
        assert!(addresses("http://localhost:9/client.json").await.unwrap().iter().all(|at| at.ip().is_loopback()));
    }
}
