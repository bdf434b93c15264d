use std::io;
use std::path::PathBuf;

/// Why the repository gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The repository's own folder cannot be opened.
    #[error(
        "cannot open the folder `{}` as the repository ({source}); name another one with --repo",
        folder.display()
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path could lead out of the repository.
    #[error(
        "`{0}` is not a path inside the repository; write it relative to the repository's root and \
         without `..`, such as `src/main.rs`"
    )]
    Outside(String),
    /// The path leads into the version control's own files.
    #[error("`{0}` belongs to Git's own files, which cannot be read")]
    Git(String),
    /// Nothing has this path.
    #[error("the repository has no `{0}`; use repository_search to find files")]
    Missing(String),
    /// The path, or a part of it, is a symbolic link.
    #[error("`{0}` is a symbolic link, and links are not followed; name the file that it points to")]
    Link(String),
    /// The path is a folder.
    #[error("`{0}` is a folder; name a file in it, or use repository_search with it as the path")]
    IsFolder(String),
    /// A part of the path that should be a folder is none.
    #[error("`{0}` is not a folder")]
    NotAFolder(String),
    /// The path is neither a file nor a folder, or a file that is no text.
    #[error("`{0}` is not a text file")]
    NotText(String),
    /// The file is too large to be searched.
    #[error("`{0}` is larger than 1 MiB, which is the most that is searched; use repository_read")]
    TooLarge(String),
    /// The operating system refuses. What it says may hold paths of the machine, so it is not for
    /// callers.
    #[error("cannot read the repository: {0}")]
    Io(#[from] io::Error),
}
