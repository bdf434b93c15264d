//! The browser, and the address that it comes back to.

use std::{env, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    time::timeout,
};

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
        let browser = env::var_os("BROWSER").context("BROWSER is not set")?;
        std::process::Command::new(browser).arg(page).stdout(Stdio::null()).spawn()?.wait()?;
        let url = timeout(PATIENCE, self.answered()).await.context("the browser did not come back")??;
        if let Some((_, error)) = url.split_once("error=") {
            bail!("the login ended with {}", error.split('&').next().unwrap_or_default());
        }
        Ok(url)
    }

    async fn answered(&self) -> anyhow::Result<String> {
        let (stream, _) = self.listener.accept().await?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let path = line.split(' ').nth(1).context("that was no HTTP request")?;
        let url = format!("{}{path}", self.base);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
        stream.shutdown().await?;
        Ok(url)
    }
}
