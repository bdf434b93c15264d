//! A folder of files that can be searched and read, and that nothing can be reached from but what is
//! in it.
//!
//! Three things together see to that. A path is a list of plain names ([`RepositoryPath`]), so it has
//! no `..` and no root. Every folder on the way is opened by its name in the folder before it, so
//! nothing can be swapped between looking and opening. And no symbolic link is followed, wherever it
//! leads (`open.rs`).

mod error;
mod open;
mod path;
mod read;
mod search;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

pub use error::RepositoryError;
pub use path::RepositoryPath;
pub use read::{FileText, MAX_READ_BYTES};
pub use search::{MAX_SEARCHED_BYTES, SearchMatch, SearchResult};

/// A folder of files. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Repository {
    root: Arc<Dir>,
}

impl Repository {
    /// Opens the folder. Links are followed here, and only here: the path comes from whoever starts
    /// the server.
    ///
    /// # Errors
    ///
    /// When there is no such folder, or it may not be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, RepositoryError> {
        let folder = folder.as_ref();
        let root = Dir::open_ambient_dir(folder, ambient_authority())
            .map_err(|source| RepositoryError::Folder { folder: folder.to_owned(), source })?;
        Ok(Self { root: Arc::new(root) })
    }

    /// The lines that contain `query`, in whatever case, in the text files below `path` (or in all).
    ///
    /// `.git`, `target` and `node_modules` are passed over, as are files that are no text or larger
    /// than [`MAX_SEARCHED_BYTES`]. Dropping the future stops the search.
    ///
    /// # Errors
    ///
    /// When `path` is not in the repository.
    pub async fn search(
        &self,
        query: &str,
        path: &RepositoryPath,
        limit: usize,
    ) -> Result<SearchResult, RepositoryError> {
        let cancelled = CancellationToken::new();
        let _stop = cancelled.clone().drop_guard();
        let (root, query, path) = (Arc::clone(&self.root), query.to_owned(), path.clone());
        blocking(move || search::search(&root, &query, &path, limit, &cancelled)).await
    }

    /// The text of a file, or its first [`MAX_READ_BYTES`].
    ///
    /// # Errors
    ///
    /// When there is no such file in the repository, or it is no text.
    pub async fn read(&self, path: &RepositoryPath) -> Result<FileText, RepositoryError> {
        let (root, path) = (Arc::clone(&self.root), path.clone());
        blocking(move || read::read(&root, &path)).await
    }
}

/// Runs file work on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RepositoryError> + Send + 'static,
) -> Result<T, RepositoryError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| RepositoryError::Io(error.into()))?
}
