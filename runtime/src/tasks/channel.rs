//! Messages between replicas about a task: a cancellation or responses that another replica received than the one that runs
//! the task.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use rmcp::model::InputResponses;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{TaskStoreError, running::Ending, task_id::TaskKey, tasks::Tasks};
use crate::spawn::spawn;

/// Time between two looks into the queue of this replica.
const RECEIVE_INTERVAL: Duration = Duration::from_millis(500);
/// Time between two signs of life.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// Time after its last sign of life at which a replica counts as stopped.
const LEASE: Duration = Duration::from_secs(15);
/// Time for which a message waits for its replica.
const MESSAGE_LIFETIME: Duration = Duration::from_mins(1);

/// Message to the replica that runs a task. The sender has decided that the caller may send it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Message {
    Cancel { task: String },
    Answer { task: String, responses: InputResponses },
}

/// Returns the key of the sign of life of a replica.
fn lease(replica: &str) -> String {
    format!("replica:{replica}")
}

/// Sends a message to the replica that runs the task.
pub(super) async fn send(tasks: &Tasks, replica: &str, message: &Message) -> Result<(), TaskStoreError> {
    let (Message::Cancel { task } | Message::Answer { task, .. }) = message;
    let encoded = serde_json::to_vec(message).expect("a message can be serialized");
    tasks.store().send(replica, task, encoded, MESSAGE_LIFETIME).await
}

/// Returns whether a replica has shown a sign of life recently.
pub(super) async fn is_alive(tasks: &Tasks, replica: &str) -> Result<bool, TaskStoreError> {
    Ok(tasks.store().get(&lease(replica)).await?.is_some())
}

/// Shows a sign of life, and starts to show more and to receive messages.
pub(super) async fn open(tasks: &Arc<Tasks>) -> Result<(), TaskStoreError> {
    show_life(tasks).await?;
    spawn(receive(Arc::downgrade(tasks)));
    Ok(())
}

async fn show_life(tasks: &Tasks) -> Result<(), TaskStoreError> {
    tasks.store().put(&lease(tasks.replica()), Vec::new(), LEASE).await
}

/// Receives messages until the server has stopped.
async fn receive(tasks: Weak<Tasks>) {
    let mut shown_at = Instant::now();
    loop {
        {
            let Some(tasks) = tasks.upgrade() else { return };
            if tasks.has_stopped() {
                return;
            }
            if shown_at.elapsed() >= HEARTBEAT_INTERVAL {
                match show_life(&tasks).await {
                    Ok(()) => shown_at = Instant::now(),
                    Err(error) => tasks.report(&error),
                }
            }
            match tasks.store().receive(tasks.replica()).await {
                Ok(messages) => messages.iter().for_each(|message| apply(&tasks, message)),
                Err(error) => tasks.report(&error),
            }
        }
        tokio::time::sleep(RECEIVE_INTERVAL).await;
    }
}

/// Applies a message. The task may have ended in the meantime.
fn apply(tasks: &Tasks, message: &[u8]) {
    let find = |task: String| tasks.running().get(&TaskKey::from_text(task)).cloned();
    match serde_json::from_slice(message) {
        Ok(Message::Cancel { task }) => {
            if let Some(task) = find(task) {
                task.end(Ending::Cancelled);
            }
        }
        Ok(Message::Answer { task, responses }) => {
            if let Some(task) = find(task) {
                task.answer(responses);
            }
        }
        Err(_) => {
            tracing::warn!("a message about a task is invalid: run the same version of toolgate on all replicas");
        }
    }
}
