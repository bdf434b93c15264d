//! The browser, and the address that it comes back to.

use std::{env, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    time::timeout,
};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(30);

/// Where the authorization server sends the browser.
pub(crate) struct Callback {
    listener: TcpListener,
    base: String,
}

impl Callback {
    pub(crate) async fn bind() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, base })
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/callback", self.base)
    }

    /// Opens the page in the browser and waits for it to come back: the whole address that it came back to.
    pub(crate) async fn visit(&self, page: &str) -> anyhow::Result<String> {
        let state = parameter(&Url::parse(page)?, "state").context("the page's address has no state")?;
        let browser = env::var_os("BROWSER").context("BROWSER is not set")?;
        std::process::Command::new(browser).arg(page).stdout(Stdio::null()).spawn()?.wait()?;
        let url = timeout(PATIENCE, self.answered(&state)).await.context("the browser did not come back")??;
        if let Some(error) = parameter(&url, "error") {
            bail!("the login ended with {error}");
        }
        Ok(url.into())
    }

    /// Passes over what answers another question: a browser may still be looking for an application that had this port
    /// before.
    async fn answered(&self, state: &str) -> anyhow::Result<Url> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let path = line.split(' ').nth(1).context("that was no HTTP request")?;
            let url = Url::parse(&format!("{}{path}", self.base))?;
            let ours = parameter(&url, "state").as_deref() == Some(state);
            let status = if ours { "200 OK" } else { "400 Bad Request" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await?;
            if ours {
                return Ok(url);
            }
        }
    }
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
