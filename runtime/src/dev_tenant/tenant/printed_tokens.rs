//! The tokens that the server prints. They are stored, so that a restart prints those that are still valid.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use toolgate_dev_tenant::{DevTenant, Mint, MintError, Person};

use super::banner::RoleToken;
use crate::{
    PropelAuth,
    auth::{Audience, BearerToken, Resource, TokenValidator as _},
};

/// Lifetime of a token.
const LIFETIME: Duration = Duration::from_hours(24);

/// Minimum time for which a stored token must still be valid to be printed again.
const MIN_REMAINING: Duration = Duration::from_hours(12);

/// Tokens of people, and the file that stores them.
pub(super) struct PrintedTokens {
    file: Option<PathBuf>,
    /// Tokens by the ID of the person.
    tokens: BTreeMap<String, String>,
}

impl PrintedTokens {
    /// Reads the tokens of earlier starts. Without a usable file there are none.
    pub(super) fn load(file: Option<PathBuf>) -> Self {
        let text = file.as_deref().and_then(|file| fs::read(file).ok()).unwrap_or_default();
        Self { file, tokens: serde_json::from_slice(&text).unwrap_or_default() }
    }

    /// Returns a token for the first person of each role.
    pub(super) async fn for_roles(
        mut self,
        tenant: &DevTenant,
        auth: &PropelAuth,
        resource: &str,
    ) -> Result<Vec<RoleToken>, MintError> {
        let mut tokens = Vec::new();
        for role in tenant.config().roles() {
            let Some(person) = tenant.person_of_role(&role.name) else { continue };
            let token = match self.tokens.get(&person.id) {
                Some(token) if is_usable(token, auth, &person, &role.scopes, resource).await => token.clone(),
                _ => tenant.mint(&Mint::for_person(&person.id).resource(resource).expires_in(LIFETIME))?,
            };
            self.tokens.insert(person.id, token.clone());
            tokens.push(RoleToken { role: person.role, person: person.name, token });
        }
        if let Some(file) = &self.file
            && let Err(error) = write_private(file, &serde_json::to_vec(&self.tokens).unwrap_or_default())
        {
            tracing::warn!(%error, file = %file.display(), "cannot store the printed tokens: a restart prints others");
        }
        Ok(tokens)
    }
}

/// Returns whether a token is what would be minted now, and stays valid long enough.
async fn is_usable(token: &str, auth: &PropelAuth, person: &Person, scopes: &[String], resource: &str) -> bool {
    let Ok(token) = BearerToken::parse(token) else { return false };
    let Ok(claims) = auth.validate(&token, &Resource::new(resource)).await else { return false };
    let granted: HashSet<_> = claims.scopes.iter().collect();
    let remaining = claims.expires_at.and_then(|end| end.duration_since(SystemTime::now()).ok());
    claims.subject.as_ref() == Some(&person.id)
        && granted == scopes.iter().collect()
        && matches!(&claims.audience, Audience::Resources(resources) if resources.iter().any(|other| other == resource))
        && remaining.is_some_and(|remaining| remaining >= MIN_REMAINING)
}

/// Replaces a file by one that only its owner can read.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content)
}
