//! Opening files and folders below a folder without following symbolic links.

use std::io;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, File, Metadata, OpenOptions};

use super::{RepositoryError, RepositoryPath};

/// An opened folder or file.
pub(super) enum Entry {
    Folder(Dir),
    File(File),
}

/// Opens `path`, one name at a time.
pub(super) fn open(root: &Dir, path: &RepositoryPath) -> Result<Entry, RepositoryError> {
    let mut folder = root.try_clone()?;
    let Some((last, parents)) = path.names().split_last() else {
        return Ok(Entry::Folder(folder));
    };
    for (index, name) in parents.iter().enumerate() {
        let parent = path.prefix(index);
        if !metadata(&folder, name, &parent)?.is_dir() {
            return Err(RepositoryError::NotAFolder(parent));
        }
        folder = folder.open_dir_nofollow(name)?;
    }
    if metadata(&folder, last, &path.to_string())?.is_dir() {
        Ok(Entry::Folder(folder.open_dir_nofollow(last)?))
    } else {
        match open_file(&folder, last)? {
            Some(file) => Ok(Entry::File(file)),
            None => Err(RepositoryError::NotText(path.to_string())),
        }
    }
}

/// Returns the metadata of `name`, or an error that explains why it cannot be opened. This only improves the error
/// message: opening the name does not follow links either.
fn metadata(folder: &Dir, name: &str, path: &str) -> Result<Metadata, RepositoryError> {
    match folder.symlink_metadata(name) {
        Ok(metadata) if metadata.is_symlink() => Err(RepositoryError::Link(path.to_owned())),
        Ok(metadata) => Ok(metadata),
        // No file can have a name that is longer than the file system allows.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => {
            Err(RepositoryError::Missing(path.to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens a regular file for reading. Returns `None` for anything else, such as a named pipe.
pub(super) fn open_file(folder: &Dir, name: &str) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    // Without `nonblock`, opening a named pipe blocks until another process opens it for writing.
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let file = folder.open_with(name, &options)?;
    Ok(file.metadata()?.is_file().then_some(file))
}
