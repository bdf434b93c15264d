//! Opening what is in a folder without ever following a link out of it.

use std::io;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, File, Metadata, OpenOptions};

use super::{RepositoryError, RepositoryPath};

/// What a path leads to.
pub(super) enum Entry {
    Folder(Dir),
    File(File),
}

/// Opens what `path` leads to, one name after the other.
pub(super) fn open(root: &Dir, path: &RepositoryPath) -> Result<Entry, RepositoryError> {
    let mut folder = root.try_clone()?;
    let Some((last, parents)) = path.names().split_last() else {
        return Ok(Entry::Folder(folder));
    };
    for (index, name) in parents.iter().enumerate() {
        let so_far = path.until(index);
        let found = look(&folder, name, &so_far)?;
        if !found.is_dir() {
            return Err(RepositoryError::NotAFolder(so_far));
        }
        folder = folder.open_dir_nofollow(name)?;
    }
    let found = look(&folder, last, &path.to_string())?;
    if found.is_dir() {
        Ok(Entry::Folder(folder.open_dir_nofollow(last)?))
    } else {
        match open_file(&folder, last)? {
            Some(file) => Ok(Entry::File(file)),
            None => Err(RepositoryError::NotText(path.to_string())),
        }
    }
}

/// What stands under a name just now. It only words the refusal well; that no link is followed is
/// seen to when the name is opened.
fn look(folder: &Dir, name: &str, path: &str) -> Result<Metadata, RepositoryError> {
    match folder.symlink_metadata(name) {
        Ok(found) if found.is_symlink() => Err(RepositoryError::Link(path.to_owned())),
        Ok(found) => Ok(found),
        // A name that is longer than the file system allows is the name of nothing.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => {
            Err(RepositoryError::Missing(path.to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens a regular file for reading; `None` when it is something else, such as a named pipe.
pub(super) fn open_file(folder: &Dir, name: &str) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    // Without `nonblock`, opening a named pipe waits for somebody to write to it.
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let file = folder.open_with(name, &options)?;
    Ok(file.metadata()?.is_file().then_some(file))
}
