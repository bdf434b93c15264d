//! The stream of changes to the SQLite file.

use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// How many changes go into one transaction at most.
const BATCH: usize = 512;

/// One record as it is stored: of which kind, under which key, and its JSON.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) body: String,
}

#[derive(Debug)]
enum Command {
    Put(Record),
    Delete {
        kind: &'static str,
        key: String,
    },
    /// Answered once everything before it is on disk, with whether it is.
    Flush(oneshot::Sender<bool>),
    Close(oneshot::Sender<()>),
}

/// Where changes are sent. Without a file it forgets them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    commands: Option<Arc<UnboundedSender<Command>>>,
}

impl Journal {
    /// Starts the task that writes to the file, until every clone is gone or it is closed.
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(write(pool, receiver));
        Self { commands: Some(Arc::new(sender)) }
    }

    pub(crate) fn put(&self, kind: &'static str, key: &str, record: &impl serde::Serialize) {
        if self.commands.is_none() {
            return;
        }
        match serde_json::to_string(record) {
            Ok(body) => self.send(Command::Put(Record { kind: kind.to_owned(), key: key.to_owned(), body })),
            Err(error) => tracing::error!(%error, kind, "a record cannot be written as JSON"),
        }
    }

    pub(crate) fn delete(&self, kind: &'static str, key: &str) {
        if self.commands.is_some() {
            let key = key.to_owned();
            self.send(Command::Delete { kind, key });
        }
    }

    /// Waits until everything so far is on disk; `false` if it could not be written.
    pub(crate) async fn flush(&self) -> bool {
        if self.commands.is_none() {
            return true;
        }
        let (answer, answered) = oneshot::channel();
        self.send(Command::Flush(answer));
        answered.await.unwrap_or(false)
    }

    /// Writes the rest and closes the file. Later changes are forgotten.
    pub(crate) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Close(answer));
        // An error means that the task has ended already, which is what was asked for.
        let _ = answered.await;
    }

    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // An error means that the file was closed.
            let _ = commands.send(command);
        }
    }
}

async fn write(pool: SqlitePool, mut receiver: UnboundedReceiver<Command>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut closing = None;
    while closing.is_none() && receiver.recv_many(&mut batch, BATCH).await > 0 {
        let written = write_batch(&pool, &batch).await;
        if let Err(error) = &written {
            tracing::error!(%error, "the tenant's changes could not be saved");
        }
        for command in batch.drain(..) {
            match command {
                // Who asked may be gone by now.
                Command::Flush(answer) => drop(answer.send(written.is_ok())),
                Command::Close(answer) => closing = Some(answer),
                Command::Put(_) | Command::Delete { .. } => {}
            }
        }
    }
    pool.close().await;
    if let Some(answer) = closing {
        let _ = answer.send(());
    }
}

async fn write_batch(pool: &SqlitePool, batch: &[Command]) -> Result<(), sqlx::Error> {
    let only_waits = |command: &Command| matches!(command, Command::Flush(_) | Command::Close(_));
    if batch.iter().all(only_waits) {
        return Ok(());
    }
    let mut transaction = pool.begin().await?;
    for command in batch {
        let query = match command {
            Command::Put(record) => sqlx::query("INSERT OR REPLACE INTO record (kind, key, body) VALUES (?, ?, ?)")
                .bind(&record.kind)
                .bind(&record.key)
                .bind(&record.body),
            Command::Delete { kind, key } => {
                sqlx::query("DELETE FROM record WHERE kind = ? AND key = ?").bind(*kind).bind(key)
            }
            Command::Flush(_) | Command::Close(_) => continue,
        };
        query.execute(&mut *transaction).await?;
    }
    transaction.commit().await
}
