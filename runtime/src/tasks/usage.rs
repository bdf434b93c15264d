//! What the tasks of this replica take: running ones, and the bytes of stored results.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::owner::Payer;

/// Bounds of the tasks that one replica creates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskLimits {
    pub(crate) max_tasks: usize,
    pub(crate) max_tasks_per_caller: usize,
    /// Time for which the result of an ended task is stored.
    pub(crate) ttl: Duration,
    /// Time limit of tools that declare none.
    pub(crate) timeout: Duration,
    pub(crate) max_stored_bytes: usize,
}

impl TaskLimits {
    /// Bytes of results that one caller may take.
    fn max_bytes_per_caller(&self) -> usize {
        self.max_stored_bytes / 4
    }
}

/// Limit on running tasks that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskLimit {
    Server,
    Caller(usize),
    /// The results of the caller, or all, take as much space as they may.
    Stored,
}

/// Tasks that run, and results that are stored, of each caller.
#[derive(Debug, Default)]
pub(super) struct Usage {
    total: Amount,
    callers: HashMap<Payer, Amount>,
    /// Stored results, with the earliest to expire first.
    stored: BinaryHeap<Reverse<(Instant, usize, PayerOrder)>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    running: usize,
    bytes: usize,
}

/// A payer in the heap, where only the time matters.
#[derive(Clone, Copy, Debug)]
struct PayerOrder(Payer);

impl Usage {
    /// Counts a running task.
    ///
    /// # Errors
    ///
    /// A limit is reached.
    pub(super) fn begin(&mut self, payer: Payer, limits: &TaskLimits) -> Result<(), TaskLimit> {
        self.expire();
        if self.total.running >= limits.max_tasks {
            return Err(TaskLimit::Server);
        }
        let bytes = self.callers.get(&payer).map_or(0, |caller| caller.bytes);
        if self.total.bytes >= limits.max_stored_bytes || bytes >= limits.max_bytes_per_caller() {
            return Err(TaskLimit::Stored);
        }
        let caller = self.callers.entry(payer).or_default();
        if caller.running >= limits.max_tasks_per_caller {
            return Err(TaskLimit::Caller(limits.max_tasks_per_caller));
        }
        caller.running += 1;
        self.total.running += 1;
        Ok(())
    }

    /// Ends a running task.
    pub(super) fn end(&mut self, payer: Payer) {
        self.total.running = self.total.running.saturating_sub(1);
        self.change(payer, |caller| caller.running = caller.running.saturating_sub(1));
    }

    /// Counts the bytes of a result until it expires. Returns whether it may be stored.
    pub(super) fn store(&mut self, payer: Payer, bytes: usize, limits: &TaskLimits) -> bool {
        self.expire();
        let of_caller = self.callers.get(&payer).map_or(0, |caller| caller.bytes);
        let fits = self.total.bytes.saturating_add(bytes) <= limits.max_stored_bytes
            && of_caller.saturating_add(bytes) <= limits.max_bytes_per_caller();
        if fits {
            self.add(payer, bytes, limits);
        }
        fits
    }

    /// Counts the bytes of a record that is stored in any case.
    pub(super) fn add(&mut self, payer: Payer, bytes: usize, limits: &TaskLimits) {
        self.total.bytes += bytes;
        self.callers.entry(payer).or_default().bytes += bytes;
        self.stored.push(Reverse((Instant::now() + limits.ttl, bytes, PayerOrder(payer))));
    }

    /// Subtracts the results that have expired.
    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, bytes, PayerOrder(payer)))) = self.stored.peek().copied() {
            if at > now {
                break;
            }
            self.stored.pop();
            self.total.bytes = self.total.bytes.saturating_sub(bytes);
            self.change(payer, |caller| caller.bytes = caller.bytes.saturating_sub(bytes));
        }
    }

    /// Changes the amount of a caller, and forgets the caller if nothing is left.
    fn change(&mut self, payer: Payer, change: impl FnOnce(&mut Amount)) {
        if let Some(caller) = self.callers.get_mut(&payer) {
            change(caller);
            if *caller == Amount::default() {
                self.callers.remove(&payer);
            }
        }
    }
}

impl PartialEq for PayerOrder {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for PayerOrder {}

impl PartialOrd for PayerOrder {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PayerOrder {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::auth::{Caller, Claims};

    const LIMITS: TaskLimits = TaskLimits {
        max_tasks: 3,
        max_tasks_per_caller: 2,
        ttl: Duration::from_secs(10),
        timeout: Duration::from_mins(1),
        max_stored_bytes: 100,
    };

    fn payer(user: &str) -> Payer {
        Payer::of(&Caller::new(&Claims::new().subject(user), Arc::default()))
    }

    #[tokio::test]
    async fn the_numbers_of_running_tasks_are_bounded() {
        let (mut usage, sam, harriet) = (Usage::default(), payer("sam"), payer("harriet"));
        assert_eq!(usage.begin(sam, &LIMITS), Ok(()));
        assert_eq!(usage.begin(sam, &LIMITS), Ok(()));
        assert_eq!(usage.begin(sam, &LIMITS), Err(TaskLimit::Caller(2)));
        assert_eq!(usage.begin(harriet, &LIMITS), Ok(()));
        assert_eq!(usage.begin(harriet, &LIMITS), Err(TaskLimit::Server));
        for payer in [sam, sam, harriet] {
            usage.end(payer);
        }
        assert!(usage.callers.is_empty() && usage.total == Amount::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_whose_results_take_the_whole_space_creates_no_task_until_they_expire() {
        let (mut usage, sam) = (Usage::default(), payer("sam"));
        usage.add(sam, 25, &LIMITS);
        assert_eq!(usage.begin(sam, &LIMITS), Err(TaskLimit::Stored));
        assert_eq!(usage.begin(payer("harriet"), &LIMITS), Ok(()));
        tokio::time::advance(LIMITS.ttl).await;
        assert_eq!(usage.begin(sam, &LIMITS), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_bytes_of_results_are_bounded_until_they_expire_and_one_caller_gets_a_quarter() {
        let (mut usage, sam) = (Usage::default(), payer("sam"));
        assert!(usage.store(sam, 20, &LIMITS));
        assert!(!usage.store(sam, 6, &LIMITS));
        for user in ["a", "b", "c"] {
            assert!(usage.store(payer(user), 25, &LIMITS));
        }
        assert!(usage.store(sam, 5, &LIMITS));
        assert!(!usage.store(payer("d"), 1, &LIMITS));
        tokio::time::advance(LIMITS.ttl).await;
        assert!(usage.store(payer("d"), 25, &LIMITS));
        assert_eq!((usage.callers.len(), usage.total.bytes), (1, 25));
    }
}
