//! Time limit of a check of several steps. A step that does not finish is reported beside the results of all others.

use std::{fmt::Display, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::report::CheckResult;

/// Time in which all checks have to finish. They run at the same time.
const TOTAL: Duration = Duration::from_secs(14);

/// Time at which the steps of a check end.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimit(Instant);

impl TimeLimit {
    pub(super) fn start() -> Self {
        Self::ending_at(Instant::now() + TOTAL)
    }

    pub(super) fn ending_at(end: Instant) -> Self {
        Self(end)
    }

    /// Runs a step. If it does not finish in time, its only result is an error that names it.
    pub(super) async fn step<R>(
        self,
        code: &'static str,
        name: impl Display,
        step: impl Future<Output = R>,
    ) -> Vec<CheckResult>
    where
        R: IntoIterator<Item = CheckResult>,
    {
        match self.within(code, name, step).await {
            Ok(results) => results.into_iter().collect(),
            Err(unfinished) => vec![unfinished],
        }
    }

    /// Runs a step whose output other steps need.
    ///
    /// # Errors
    ///
    /// The step did not finish in time.
    pub(super) async fn within<T>(
        self,
        code: &'static str,
        name: impl Display,
        step: impl Future<Output = T>,
    ) -> Result<T, CheckResult> {
        timeout_at(self.0, step).await.map_err(|_| {
            let text = format!("{name}: not finished after {TOTAL:?}, within which all checks have to finish");
            CheckResult::error(code, text)
                .action("look for a server or a proxy that responds slowly, and run `check` again")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn steps_that_finish_in_time_keep_their_results_and_the_others_are_named() {
        let (limit, started) = (TimeLimit::start(), Instant::now());
        let slow = |code, seconds| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            [CheckResult::ok(code, "")]
        };
        let first = limit.step("first", "the first step", slow("first", 13)).await;
        let (second, third) = tokio::join!(
            limit.step("second", "the second step", slow("second", 2)),
            limit.step("third", "the third step", pending::<Vec<CheckResult>>()),
        );
        assert_eq!(first, [CheckResult::ok("first", "")]);
        for (unfinished, name) in [(second, "the second step"), (third, "the third step")] {
            let [result] = &unfinished[..] else { panic!("{unfinished:?}") };
            assert!(result.text.starts_with(name), "{result:?}");
        }
        assert_eq!(started.elapsed(), TOTAL);
    }
}
