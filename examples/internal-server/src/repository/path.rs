use std::fmt;
use std::path::{Component, Path};

use super::RepositoryError;

/// A path inside the repository: plain names from the root down, none of them `.git`. The empty path is the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepositoryPath(Vec<String>);

impl RepositoryPath {
    /// Parses a relative path.
    ///
    /// # Errors
    ///
    /// Returns [`RepositoryError::Outside`] if the path is absolute or contains `..`, and [`RepositoryError::Git`] if
    /// it contains `.git`.
    pub fn parse(text: &str) -> Result<Self, RepositoryError> {
        let outside = || RepositoryError::Outside(text.to_owned());
        if text.contains('\0') {
            return Err(outside());
        }
        let mut names = Vec::new();
        for component in Path::new(text).components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) => {
                    let name = name.to_str().ok_or_else(outside)?;
                    if is_git(name) {
                        return Err(RepositoryError::Git(text.to_owned()));
                    }
                    names.push(name.to_owned());
                }
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(outside());
                }
            }
        }
        Ok(Self(names))
    }

    /// Returns the names from the root down.
    pub(super) fn names(&self) -> &[String] {
        &self.0
    }

    /// Returns the path of `name` in this folder.
    pub(super) fn join(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }

    /// Returns the path up to and including the name at `index`.
    pub(super) fn prefix(&self, index: usize) -> String {
        self.0[..=index].join("/")
    }
}

/// Returns whether a name is `.git`: Git's folder, or the file of that name in a worktree or a submodule.
///
/// Some file systems ignore case, and Windows ignores trailing dots and spaces.
pub(super) fn is_git(name: &str) -> bool {
    name.trim_end_matches(['.', ' ']).eq_ignore_ascii_case(".git")
}

impl fmt::Display for RepositoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str(".") } else { f.write_str(&self.0.join("/")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_parsed_into_plain_names() {
        for (text, shown) in [
            ("src/main.rs", "src/main.rs"),
            ("./src//main.rs", "src/main.rs"),
            ("", "."),
            (".", "."),
            (".gitignore", ".gitignore"),
            ("a..b/...", "a..b/..."),
        ] {
            assert_eq!(RepositoryPath::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn rejects_a_path_that_could_leave_the_repository() {
        for text in ["..", "../secret", "src/../../secret", "src/..", "/etc/passwd", "//etc", "a\0b"] {
            let error = RepositoryPath::parse(text).unwrap_err();
            assert!(matches!(error, RepositoryError::Outside(_)), "{text:?}");
        }
    }

    #[test]
    fn rejects_a_path_into_git_in_any_spelling() {
        for text in [".git", ".git/config", "sub/.GIT/HEAD", "./.Git", ".git./config"] {
            let error = RepositoryPath::parse(text).unwrap_err();
            assert!(matches!(error, RepositoryError::Git(_)), "{text:?}");
        }
    }
}
