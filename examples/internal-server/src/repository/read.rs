use std::io::Read;

use cap_std::fs::Dir;
use schemars::JsonSchema;
use serde::Serialize;

use super::open::{Entry, open};
use super::{RepositoryError, RepositoryPath};

/// Maximum number of bytes that are read of a file.
pub const MAX_READ_BYTES: usize = 128 * 1024;

/// The text of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileText {
    /// The file's path relative to the root of the repository.
    pub path: String,
    /// The text. For a file larger than 128 KiB, only the beginning.
    pub text: String,
    /// Whether the text was truncated.
    pub truncated: bool,
    /// The size of the whole file, in bytes.
    pub bytes: u64,
}

pub(super) fn read(root: &Dir, path: &RepositoryPath) -> Result<FileText, RepositoryError> {
    let Entry::File(file) = open(root, path)? else {
        return Err(RepositoryError::IsFolder(path.to_string()));
    };
    let bytes = file.metadata()?.len();
    let mut content = Vec::new();
    // One extra byte shows whether the file is larger than the limit.
    file.take(MAX_READ_BYTES as u64 + 1).read_to_end(&mut content)?;
    let truncated = content.len() > MAX_READ_BYTES;
    content.truncate(MAX_READ_BYTES);
    let text = text(content, truncated).ok_or_else(|| RepositoryError::NotText(path.to_string()))?;
    Ok(FileText { path: path.to_string(), text, truncated, bytes })
}

/// Converts the bytes to text, without a last character that was cut by truncation. Returns `None` if the bytes are
/// not text: not UTF-8, or with a NUL byte.
fn text(mut content: Vec<u8>, truncated: bool) -> Option<String> {
    if content.contains(&0) {
        return None;
    }
    if truncated
        && let Err(error) = std::str::from_utf8(&content)
        && error.error_len().is_none()
    {
        content.truncate(error.valid_up_to());
    }
    String::from_utf8(content).ok()
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn an_incomplete_character_is_dropped_only_after_truncation() {
        let cut = "aé".as_bytes()[..2].to_vec();
        assert_eq!(text(cut.clone(), true).as_deref(), Some("a"));
        assert_eq!(text(cut, false), None);
        assert_eq!(text(vec![b'a', 0xff, b'b'], true), None);
        assert_eq!(text(vec![b'a', 0], false), None);
    }
}
