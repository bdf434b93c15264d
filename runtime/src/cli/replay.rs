//! `replay`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    App, Error,
    app::{Status, json, print},
};

/// Options of `replay`.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct ReplayOptions {
    /// Files of the audit log, the oldest first; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl ReplayOptions {
    pub(super) fn execute(&self, app: &App) -> Result<Status, Error> {
        let mut records: Box<dyn BufRead> = Box::new(io::empty());
        for path in &self.files {
            records = Box::new(records.chain(open(path)?));
        }
        let policy = app.policy(None)?;
        let replay = policy
            .replay(records)
            .map_err(|source| Error::Read { path: self.files.last().cloned().unwrap_or_default(), source })?;
        print(&if self.json { json(&replay) } else { replay.to_string() });
        Ok(if replay.is_unchanged() { Status::Clean } else { Status::Problem })
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Error> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    Ok(Box::new(BufReader::new(file)))
}
