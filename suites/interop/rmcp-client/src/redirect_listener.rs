//! A loopback listener for the redirect URI of a login in the browser (RFC 8252, section 7.3).

use std::{env, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    time::timeout,
};
use url::Url;

const REDIRECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Listener on a free loopback port that receives authorization responses.
pub(crate) struct RedirectListener {
    listener: TcpListener,
    base: String,
}

impl RedirectListener {
    pub(crate) async fn bind() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, base })
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/callback", self.base)
    }

    /// Opens the authorization URL in the browser and returns the URL of the authorization response.
    pub(crate) async fn authorize(&self, authorization_url: &str) -> anyhow::Result<String> {
        let state =
            parameter(&Url::parse(authorization_url)?, "state").context("the authorization URL has no `state`")?;
        open(authorization_url)?;
        let response = timeout(REDIRECT_TIMEOUT, self.receive(&state))
            .await
            .context("the browser did not open the redirect URI")??;
        if let Some(error) = parameter(&response, "error") {
            bail!("the login ended with the error {error}");
        }
        Ok(response.into())
    }

    /// Accepts requests until one has this `state`, and returns its URL.
    ///
    /// Rejects other requests because the browser of an earlier client may still retry a redirect URI with this port.
    async fn receive(&self, state: &str) -> anyhow::Result<Url> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let path = line.split(' ').nth(1).context("the request line has no path")?;
            let url = Url::parse(&format!("{}{path}", self.base))?;
            let matches = parameter(&url, "state").as_deref() == Some(state);
            let status = if matches { "200 OK" } else { "400 Bad Request" };
            let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(response.as_bytes()).await?;
            stream.shutdown().await?;
            if matches {
                return Ok(url);
            }
        }
    }
}

/// Opens a URL in the browser.
pub(crate) fn open(url: &str) -> anyhow::Result<()> {
    let browser = env::var_os("BROWSER").context("BROWSER is not set")?;
    std::process::Command::new(browser).arg(url).stdout(Stdio::null()).spawn()?.wait()?;
    Ok(())
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
