//! The audit file: whether this user can append to it and rotate it, without a change of an existing file.

use std::{
    fs::{self, OpenOptions},
    io,
    path::Path,
};

use uuid::Uuid;

use super::report::CheckResult;
use crate::config::AuditConfig;

const CODE: &str = "audit_file";

pub(super) fn check(config: &AuditConfig) -> Vec<CheckResult> {
    let Some(path) = &config.path else { return Vec::new() };
    if !cfg!(feature = "audit-file") {
        let text = "`audit.path` is set, but the program was built without the feature `audit-file`";
        return vec![CheckResult::error(CODE, text).action("enable the feature, or unset TOOLGATE_AUDIT_PATH")];
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut results = vec![writable(path, folder)];
    results.extend(free_space(folder, config));
    results
}

fn writable(path: &Path, folder: &Path) -> CheckResult {
    let (path_text, folder_text) = (path.display(), folder.display());
    if !folder.is_dir() {
        let error = CheckResult::error(CODE, format!("the folder of {path_text} does not exist"));
        return error.action(format!("create {folder_text}, writable for the user of the server"));
    }
    let exists = path.exists();
    // Opening a pipe waits for its reader.
    if exists && !path.is_file() {
        let error = CheckResult::error(CODE, format!("{path_text} is not a file"));
        return error.action("choose another file with TOOLGATE_AUDIT_PATH");
    }
    // Opening for appending changes nothing. Writing a record would.
    if exists && let Err(error) = OpenOptions::new().append(true).open(path) {
        let error = CheckResult::error(CODE, format!("cannot append to {path_text}: {error}"));
        return error
            .action("make the user of the server its owner, or choose another file with TOOLGATE_AUDIT_PATH");
    }
    match create_and_delete(folder) {
        Ok(()) => CheckResult::ok(CODE, format!("{path_text} can be written")),
        Err(error) if exists => {
            let text =
                format!("{path_text} can be written, but not rotated: cannot create files in {folder_text}: {error}");
            CheckResult::warning(CODE, text).action("make the folder writable for the user of the server")
        }
        Err(error) => CheckResult::error(CODE, format!("cannot create {path_text}: {error}"))
            .action("make the folder writable for the user of the server"),
    }
}

fn create_and_delete(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".toolgate-check-{}", Uuid::new_v4().simple()));
    OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(path)
}

/// Returns a warning if the disk can be full before the file is rotated once more.
#[cfg(unix)]
fn free_space(folder: &Path, config: &AuditConfig) -> Option<CheckResult> {
    let statistics = rustix::fs::statvfs(folder).ok()?;
    let free = statistics.f_bavail.saturating_mul(statistics.f_frsize);
    low_space(free, config)
}

#[cfg(not(unix))]
fn free_space(_: &Path, _: &AuditConfig) -> Option<CheckResult> {
    None
}

#[cfg_attr(not(unix), allow(dead_code, reason = "the free space is not known"))]
fn low_space(free: u64, config: &AuditConfig) -> Option<CheckResult> {
    (free < config.max_bytes).then(|| {
        let text = format!(
            "the disk of the audit file has {free} bytes left, less than one file (`audit.max_bytes`, {}); when it is full, \
             every call is rejected with 503",
            config.max_bytes
        );
        CheckResult::warning("audit_space", text).action("free space, or lower `audit.max_bytes` and `audit.keep`")
    })
}

#[cfg(all(test, feature = "audit-file"))]
mod tests {
    use super::*;
    use crate::cli::check::report::Level;

    fn level_of(path: &Path) -> (Level, String) {
        let config = AuditConfig { path: Some(path.to_owned()), max_bytes: 1, ..AuditConfig::default() };
        let [result] = check(&config).try_into().expect("one result");
        (result.level, result.text)
    }

    #[test]
    fn a_file_that_can_be_written_is_not_changed_and_none_is_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        assert_eq!(level_of(&path).0, Level::Ok);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(&path, "one\n").unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(level_of(&path).0, Level::Ok);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), modified);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (level, text) = level_of(&folder.path().join("missing/audit.jsonl"));
        assert!(level == Level::Error && text.contains("does not exist"), "{text}");
        let (level, text) = level_of(folder.path());
        assert!(level == Level::Error && text.contains("is not a file"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_an_error_and_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("audit.jsonl");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (level, text) = level_of(&pipe);
        assert!(level == Level::Error && text.contains("is not a file"), "{text}");
    }

    #[test]
    fn little_space_is_a_warning() {
        let config = AuditConfig::default();
        assert!(low_space(config.max_bytes, &config).is_none());
        assert_eq!(low_space(config.max_bytes - 1, &config).unwrap().level, Level::Warning);
        assert_eq!(check(&AuditConfig::default()), []);
    }
}
