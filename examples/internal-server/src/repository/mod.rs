//! Search and read access to a folder of files, confined to that folder.
//!
//! Three rules confine it. A path is a list of plain names ([`RepositoryPath`]), so it has no `..` and no root. Each
//! folder on the path is opened by name in its parent's handle, so a folder that is swapped between check and use
//! cannot redirect the access. Symbolic links inside the folder are never followed (`open.rs`).

mod open;
mod path;
mod read;
mod search;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;
use toolgate::Granted;

use crate::access::CodeRead;

pub use path::RepositoryPath;
pub use read::{FileText, MAX_READ_BYTES};
pub use search::{MAX_SEARCHED_BYTES, SearchMatch, SearchResult};

/// An error of the repository.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The repository's root folder cannot be opened.
    #[error(
        "cannot open the folder `{}` as the repository ({source}); choose another folder with --repo",
        folder.display()
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The path is absolute, contains `..` or a NUL character, or is not Unicode.
    #[error(
        "`{0}` is not a path inside the repository; use a path relative to the repository's root without `..`, such \
         as `src/main.rs`"
    )]
    Outside(String),
    /// The path names Git's own files.
    #[error("`{0}` belongs to Git's own files, which cannot be read")]
    Git(String),
    /// The path does not exist.
    #[error("`{0}` does not exist in the repository; use repository_search to find files")]
    Missing(String),
    /// The path, or a part of it, is a symbolic link.
    #[error("`{0}` is a symbolic link, and links are not followed; use the path that it points to")]
    Link(String),
    /// The path is a folder, but a file is required.
    #[error("`{0}` is a folder; use the path of a file in it, or pass the folder to repository_search")]
    IsFolder(String),
    /// A parent of the path is not a folder.
    #[error("`{0}` is not a folder")]
    NotAFolder(String),
    /// The path is not a regular file, or the file is not UTF-8 text.
    #[error("`{0}` is not a text file")]
    NotText(String),
    /// The file is larger than [`MAX_SEARCHED_BYTES`].
    #[error("`{0}` is larger than 1 MiB, the limit for searches; use repository_read")]
    TooLarge(String),
    /// An error of the operating system. Its message may contain paths of the machine, so it must not be shown to
    /// callers.
    #[error("cannot read the repository: {0}")]
    Io(#[from] io::Error),
}

/// A folder of files. Clones share one handle to the folder.
#[derive(Debug, Clone)]
pub struct Repository {
    root: Arc<Dir>,
}

impl Repository {
    /// Opens the folder. Symbolic links in `folder` are followed, because the operator of the server chooses it.
    ///
    /// # Errors
    ///
    /// Returns [`RepositoryError::Folder`] if the folder does not exist or cannot be opened.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, RepositoryError> {
        let folder = folder.as_ref();
        let root = Dir::open_ambient_dir(folder, ambient_authority())
            .map_err(|source| RepositoryError::Folder { folder: folder.to_owned(), source })?;
        Ok(Self { root: Arc::new(root) })
    }

    /// Finds up to `limit` lines that contain `query`, ignoring case, in the text files below `path`.
    ///
    /// The search skips `.git`, `target` and `node_modules`, files that are not text, and files larger than
    /// [`MAX_SEARCHED_BYTES`]. Dropping the future stops the search.
    ///
    /// # Errors
    ///
    /// Returns an error if `path` does not exist in the repository, or is a file that cannot be searched.
    pub async fn search(
        &self,
        _access: &Granted<CodeRead>,
        query: &str,
        path: &RepositoryPath,
        limit: usize,
    ) -> Result<SearchResult, RepositoryError> {
        let cancelled = CancellationToken::new();
        let _stop = cancelled.clone().drop_guard();
        let (root, query, path) = (Arc::clone(&self.root), query.to_owned(), path.clone());
        blocking(move || search::search(&root, &query, &path, limit, &cancelled)).await
    }

    /// Reads the text of a file, up to [`MAX_READ_BYTES`].
    ///
    /// # Errors
    ///
    /// Returns an error if `path` does not exist in the repository, or is not a text file.
    pub async fn read(
        &self,
        _access: &Granted<CodeRead>,
        path: &RepositoryPath,
    ) -> Result<FileText, RepositoryError> {
        let (root, path) = (Arc::clone(&self.root), path.clone());
        blocking(move || read::read(&root, &path)).await
    }
}

/// Runs file operations on tokio's pool of blocking threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RepositoryError> + Send + 'static,
) -> Result<T, RepositoryError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| RepositoryError::Io(error.into()))?
}
