use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::access::test_caller;

/// A repository, and a secret file next to its folder.
struct Fixture {
    repository: Repository,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("repository");
        for (path, content) in [
            ("README.md", "# Example\nNeedle in the readme\n"),
            ("src/main.rs", "fn main() {\n    // a needle\n}\n"),
            ("src/deep/er/lib.rs", "// NEEDLE\n"),
            (".git/config", "needle of git\n"),
            ("target/debug/build.log", "needle of a build\n"),
            (".hidden", "needle of a dot file\n"),
        ] {
            write(&root.join(path), content);
        }
        write(&folder.path().join("secret/secret.txt"), "needle outside the repository\n");
        Self { repository: Repository::open(&root).unwrap(), folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    async fn read(&self, path: &str) -> Result<FileText, RepositoryError> {
        self.repository.read(test_caller().grant().unwrap(), &RepositoryPath::parse(path)?).await
    }

    async fn search(&self, query: &str, path: &str, limit: usize) -> Result<SearchResult, RepositoryError> {
        self.repository.search(test_caller().grant().unwrap(), query, &RepositoryPath::parse(path)?, limit).await
    }

    async fn matching_paths(&self, query: &str, path: &str) -> Vec<String> {
        let result = self.search(query, path, 100).await.unwrap();
        result.matches.into_iter().map(|line| line.path).collect()
    }
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[tokio::test]
async fn reads_a_file_unchanged() {
    let fixture = Fixture::new();
    let file = fixture.read("src/main.rs").await.unwrap();
    assert_eq!(file.text, "fn main() {\n    // a needle\n}\n");
    assert_eq!((file.path.as_str(), file.truncated, file.bytes), ("src/main.rs", false, 30));
}

#[tokio::test]
async fn a_large_file_is_truncated_between_characters() {
    let fixture = Fixture::new();
    write(&fixture.root().join("large.txt"), format!("a{}", "é".repeat(MAX_READ_BYTES)));
    let file = fixture.read("large.txt").await.unwrap();
    assert!(file.truncated);
    assert_eq!(file.text.len(), MAX_READ_BYTES - 1);
    assert_eq!(file.bytes, 2 * MAX_READ_BYTES as u64 + 1);
}

#[tokio::test]
async fn rejects_paths_that_are_not_text_files() {
    let fixture = Fixture::new();
    write(&fixture.root().join("image.png"), b"\x89PNG\0\x01");
    for (path, expected) in [
        ("image.png", "is not a text file"),
        ("src", "is a folder"),
        (".", "is a folder"),
        ("src/nothing.rs", "`src/nothing.rs` does not exist"),
        ("README.md/more", "is not a folder"),
        (".git/config", "Git's own"),
        ("../secret/secret.txt", "not a path inside"),
    ] {
        let error = fixture.read(path).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{path}: {error}");
    }
    let long = "x".repeat(5000);
    assert!(matches!(fixture.read(&long).await.unwrap_err(), RepositoryError::Missing(_)));
}

#[tokio::test]
async fn the_database_cannot_be_read_through_the_repository_tools() {
    let fixture = Fixture::new();
    let path = fixture.root().join("data/company.db");
    let company = crate::company::Company::open(&path).await.unwrap();
    company.tickets(test_caller().grant().unwrap(), None).await.unwrap();
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if fs::metadata(fixture.root().join("data").join(&name)).unwrap().len() > 0 {
            let error = fixture.read(&format!("data/{name}")).await.unwrap_err();
            assert!(matches!(error, RepositoryError::NotText(_)), "{name}: {error:?}");
        }
    }
    assert_eq!(fixture.matching_paths("emp_0001", "data").await, Vec::<String>::new());
}

#[cfg(unix)]
#[tokio::test]
async fn symbolic_links_are_not_followed() {
    use std::os::unix::fs::symlink;

    let fixture = Fixture::new();
    let root = fixture.root();
    let secret = fixture.folder.path().join("secret");
    symlink(secret.join("secret.txt"), root.join("absolute.txt")).unwrap();
    symlink("../secret/secret.txt", root.join("relative.txt")).unwrap();
    symlink(&secret, root.join("folder")).unwrap();
    symlink(".git", root.join("history")).unwrap();
    symlink("src/main.rs", root.join("inside.rs")).unwrap();
    symlink("/", root.join("src/root")).unwrap();
    symlink(".", root.join("src/loop")).unwrap();

    for path in [
        "absolute.txt",
        "relative.txt",
        "folder/secret.txt",
        "history/config",
        "inside.rs",
        "src/root/etc/passwd",
        "src/loop/main.rs",
    ] {
        let error = fixture.read(path).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Link(_)), "{path}: {error:?}");
        let error = fixture.search("needle", path, 10).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Link(_)), "{path}: {error:?}");
    }
    assert_eq!(
        fixture.matching_paths("needle", "").await,
        [".hidden", "README.md", "src/deep/er/lib.rs", "src/main.rs"]
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_replaced_by_a_link_during_a_read_is_not_followed() {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    let fixture = Fixture::new();
    let (root, secret) = (fixture.root(), fixture.folder.path().join("secret"));
    write(&root.join("swap/secret.txt"), "harmless\n");
    let done = Arc::new(AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let (root, done) = (root.clone(), Arc::clone(&done));
        move || {
            while !done.load(Ordering::Relaxed) {
                fs::rename(root.join("swap"), root.join("renamed")).unwrap();
                symlink(&secret, root.join("swap")).unwrap();
                fs::remove_file(root.join("swap")).unwrap();
                fs::rename(root.join("renamed"), root.join("swap")).unwrap();
            }
        }
    });
    let mut outcomes = Vec::new();
    for _ in 0..2000 {
        outcomes.push(fixture.read("swap/secret.txt").await.map(|file| file.text));
    }
    done.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    for outcome in outcomes.into_iter().flatten() {
        assert_eq!(outcome, "harmless\n");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_named_pipe_does_not_block() {
    let fixture = Fixture::new();
    let made = std::process::Command::new("mkfifo").arg(fixture.root().join("pipe")).status().unwrap();
    assert!(made.success());
    let error = fixture.read("pipe").await.unwrap_err();
    assert!(matches!(error, RepositoryError::NotText(_)), "{error:?}");
    assert_eq!(fixture.matching_paths("needle", "").await.len(), 4);
}

#[tokio::test]
async fn a_search_ignores_case_and_sorts_its_matches() {
    let fixture = Fixture::new();
    let result = fixture.search("nEEdle", "", 100).await.unwrap();
    let found: Vec<_> =
        result.matches.iter().map(|line| (line.path.as_str(), line.line, line.text.as_str())).collect();
    assert_eq!(
        found,
        [
            (".hidden", 1, "needle of a dot file"),
            ("README.md", 2, "Needle in the readme"),
            ("src/deep/er/lib.rs", 1, "// NEEDLE"),
            ("src/main.rs", 2, "    // a needle"),
        ]
    );
    assert!(!result.truncated);
    assert_eq!((result.files_searched, result.files_skipped), (4, 0));
}

#[tokio::test]
async fn a_search_is_limited_to_its_path() {
    let fixture = Fixture::new();
    assert_eq!(fixture.matching_paths("needle", "src/deep").await, ["src/deep/er/lib.rs"]);
    assert_eq!(fixture.matching_paths("needle", "README.md").await, ["README.md"]);
    for path in ["..", "/etc", ".git"] {
        fixture.search("needle", path, 10).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_search_reports_that_it_reached_its_limit() {
    let fixture = Fixture::new();
    let some = fixture.search("needle", "", 3).await.unwrap();
    assert_eq!((some.matches.len(), some.truncated), (3, true));
    let all = fixture.search("needle", "", 4).await.unwrap();
    assert_eq!((all.matches.len(), all.truncated), (4, false));
}

#[tokio::test]
async fn a_search_skips_binary_and_large_files() {
    let fixture = Fixture::new();
    write(&fixture.root().join("binary"), b"needle\0");
    write(&fixture.root().join("latin1"), b"needle \xe9");
    write(&fixture.root().join("huge"), format!("needle{}", " ".repeat(1024 * 1024)));
    let result = fixture.search("needle", "", 100).await.unwrap();
    assert_eq!((result.matches.len(), result.files_skipped), (4, 3));

    let error = fixture.search("needle", "huge", 10).await.unwrap_err();
    assert!(matches!(error, RepositoryError::TooLarge(_)), "{error:?}");
    let error = fixture.search("needle", "binary", 10).await.unwrap_err();
    assert!(matches!(error, RepositoryError::NotText(_)), "{error:?}");
}

#[test]
fn a_cancelled_search_stops() {
    let fixture = Fixture::new();
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let root = &fixture.repository.root;
    let result = search::search(root, "needle", &RepositoryPath::default(), 100, &cancelled).unwrap();
    assert_eq!((result.files_searched, result.truncated), (0, true));
}

#[test]
fn the_error_for_a_missing_folder_names_the_folder_and_the_option() {
    let error = Repository::open("/nowhere/at/all").unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all") && error.contains("--repo"), "{error}");
}
