use toolgate::prelude::*;

use crate::repository::{FileText, Repository, RepositoryError, RepositoryPath, SearchResult};

/// Find the lines that contain a text in the company's source code.
#[tool(scopes = "code:read:repositories", read_only)]
async fn repository_search(
    /// The text to look for, in whatever case; it is no pattern.
    #[schemars(length(min = 1, max = 200))]
    query: String,
    /// Only in this folder or file, such as `src`.
    #[schemars(length(max = 1000))]
    path: Option<String>,
    /// How many lines to return at most. 20 if left out.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    repository: &Repository,
) -> Result<Json<SearchResult>, ToolError> {
    let path = RepositoryPath::parse(path.as_deref().unwrap_or_default()).map_err(explain)?;
    let limit = limit.unwrap_or(20) as usize;
    repository.search(&query, &path, limit).await.map(Json).map_err(explain)
}

/// Return the text of a file of the company's source code, or its first 128 KiB.
#[tool(scopes = "code:read:repositories", read_only)]
async fn repository_read(
    /// The file's path from the root of the repository, such as `src/main.rs`.
    #[schemars(length(min = 1, max = 1000))]
    path: String,
    repository: &Repository,
) -> Result<Json<FileText>, ToolError> {
    let path = RepositoryPath::parse(&path).map_err(explain)?;
    repository.read(&path).await.map(Json).map_err(explain)
}

/// What is wrong with a path helps the model; what the operating system says is for the log.
fn explain(error: RepositoryError) -> ToolError {
    match error {
        RepositoryError::Io(error) => error.into(),
        refusal => ToolError::new(refusal.to_string()),
    }
}
