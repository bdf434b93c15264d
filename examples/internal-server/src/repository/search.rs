use std::io::{self, Read};
use std::time::{Duration, Instant};

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, File};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::open::{Entry, open, open_file};
use super::path::is_git;
use super::{RepositoryError, RepositoryPath};

/// Maximum size of a file that is searched, in bytes.
pub const MAX_SEARCHED_BYTES: u64 = 1024 * 1024;

/// Maximum number of characters of a line in a result.
const MAX_LINE_CHARS: usize = 200;
/// Number of characters before the match in the excerpt of a long line.
const CHARS_BEFORE_MATCH: usize = 60;
/// Maximum depth of folders that are searched.
const MAX_DEPTH: usize = 64;
/// Time limit of a search.
const MAX_DURATION: Duration = Duration::from_secs(10);
/// Folders that are skipped: dependencies and build output.
const SKIPPED_FOLDERS: [&str; 2] = ["node_modules", "target"];

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SearchResult {
    /// The matching lines, sorted by path and line number.
    pub matches: Vec<SearchMatch>,
    /// Whether the search stopped early because it reached the limit of lines or of time. Use a more specific query,
    /// or set `path`.
    pub truncated: bool,
    /// The number of searched files.
    pub files_searched: u64,
    /// The number of files and folders that were skipped because they are not text, larger than 1 MiB, or unreadable.
    pub files_skipped: u64,
}

/// A line that contains the query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct SearchMatch {
    /// The file's path relative to the root of the repository.
    pub path: String,
    /// The line number, starting at 1.
    pub line: u64,
    /// The line, shortened to 200 characters around the match.
    pub text: String,
}

pub(super) fn search(
    root: &Dir,
    query: &str,
    path: &RepositoryPath,
    limit: usize,
    cancelled: &CancellationToken,
) -> Result<SearchResult, RepositoryError> {
    let mut search = Search {
        query: query.to_lowercase(),
        limit,
        cancelled,
        started: Instant::now(),
        result: SearchResult { matches: Vec::new(), truncated: false, files_searched: 0, files_skipped: 0 },
    };
    match open(root, path)? {
        Entry::Folder(folder) => search.folder(&folder, path)?,
        Entry::File(file) => {
            if file.metadata()?.len() > MAX_SEARCHED_BYTES {
                return Err(RepositoryError::TooLarge(path.to_string()));
            }
            if !search.file(file, path)? {
                return Err(RepositoryError::NotText(path.to_string()));
            }
        }
    }
    Ok(search.result)
}

struct Search<'a> {
    /// The query in lower case.
    query: String,
    limit: usize,
    cancelled: &'a CancellationToken,
    started: Instant,
    result: SearchResult,
}

impl Search<'_> {
    fn folder(&mut self, folder: &Dir, path: &RepositoryPath) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in folder.entries()? {
            let entry = entry?;
            let kind = entry.file_type()?;
            // A name that is not Unicode cannot be passed to `repository_read`.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let is_skipped = is_git(&name) || kind.is_dir() && SKIPPED_FOLDERS.contains(&name.as_str());
            if !is_skipped {
                entries.push((name, kind));
            }
        }
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));

        for (name, kind) in entries {
            if self.is_finished() {
                self.result.truncated = true;
                break;
            }
            let path = path.join(&name);
            // A file or folder that disappears or cannot be read is skipped.
            let searched = if kind.is_dir() && path.names().len() < MAX_DEPTH {
                folder.open_dir_nofollow(&name).and_then(|folder| self.folder(&folder, &path)).is_ok()
            } else if kind.is_file() {
                open_file(folder, &name)
                    .and_then(|file| file.map_or(Ok(false), |file| self.file(file, &path)))
                    .unwrap_or(false)
            } else {
                continue;
            };
            if !searched {
                self.result.files_skipped += 1;
            }
        }
        Ok(())
    }

    /// Searches a file. Returns `false` if the file is not text or is too large.
    fn file(&mut self, file: File, path: &RepositoryPath) -> io::Result<bool> {
        let mut content = Vec::new();
        file.take(MAX_SEARCHED_BYTES + 1).read_to_end(&mut content)?;
        if content.len() as u64 > MAX_SEARCHED_BYTES || content.contains(&0) {
            return Ok(false);
        }
        let Ok(text) = String::from_utf8(content) else {
            return Ok(false);
        };
        self.result.files_searched += 1;
        for (number, line) in (1..).zip(text.lines()) {
            let lowercase = line.to_lowercase();
            let Some(position) = lowercase.find(&self.query) else {
                continue;
            };
            if self.result.matches.len() >= self.limit {
                self.result.truncated = true;
                break;
            }
            self.result.matches.push(SearchMatch {
                path: path.to_string(),
                line: number,
                text: excerpt(line, lowercase[..position].chars().count()),
            });
        }
        Ok(true)
    }

    fn is_finished(&self) -> bool {
        self.result.truncated || self.cancelled.is_cancelled() || self.started.elapsed() > MAX_DURATION
    }
}

/// Returns the line, or the part of a long line around the character at `position`.
fn excerpt(line: &str, position: usize) -> String {
    let line = line.trim_end();
    if line.chars().count() <= MAX_LINE_CHARS {
        return line.to_owned();
    }
    let start = position.saturating_sub(CHARS_BEFORE_MATCH);
    line.chars().skip(start).take(MAX_LINE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINE_CHARS, excerpt};

    #[test]
    fn a_long_line_is_shortened_around_the_match() {
        let line = format!("{}needle{}", "a".repeat(500), "é".repeat(500));
        let excerpt = excerpt(&line, 500);
        assert_eq!(excerpt.chars().count(), MAX_LINE_CHARS);
        assert!(excerpt.contains("needle"));
    }
}
