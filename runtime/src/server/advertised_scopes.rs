//! The scopes that clients are told to request at their first login.

use crate::{error::BuildProblem, scope::ScopeIndex};

/// Scope for refresh tokens. It concerns the client and the authorization server only (MCP, Refresh Tokens).
const OFFLINE_ACCESS: &str = "offline_access";

/// The scopes to advertise in the challenge and in both metadata documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AdvertisedScopes {
    /// `scopes_supported` of the protected resource metadata.
    pub(crate) supported: Vec<&'static str>,
    /// The scopes to which the server's author limited the first login.
    pub(crate) initial: Option<Vec<&'static str>>,
}

impl AdvertisedScopes {
    /// Returns the initial scopes; without them, all scopes. Measured with real clients: applications with the TypeScript
    /// SDK 1 and MCP Inspector's command line never get more scopes than those of their first login, so a smaller default
    /// would lock them out.
    ///
    /// # Errors
    ///
    /// The initial scopes are empty, or one of them is in no list. An empty list must not be advertised: some clients
    /// request all scopes then, and others register for none.
    pub(crate) fn new(index: &ScopeIndex, initial: Option<Vec<&'static str>>) -> Result<Self, Vec<BuildProblem>> {
        let without_offline_access = |scopes: &[&'static str]| -> Vec<&'static str> {
            scopes.iter().copied().filter(|&scope| scope != OFFLINE_ACCESS).collect()
        };
        let Some(initial) = initial else {
            return Ok(Self { supported: without_offline_access(index.names()), initial: None });
        };
        let mut problems: Vec<_> = initial
            .iter()
            .filter(|&&scope| index.bit(scope).is_none())
            .map(|&scope| BuildProblem::UnknownInitialScope(scope))
            .collect();
        let initial = without_offline_access(&initial);
        if initial.is_empty() {
            problems.push(BuildProblem::NoInitialScopes);
        }
        if problems.is_empty() {
            Ok(Self { supported: initial.clone(), initial: Some(initial) })
        } else {
            Err(problems)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scopes;

    static SCOPES: Scopes = Scopes::new(&["a", "b", OFFLINE_ACCESS]);

    fn advertised(initial: Option<&[&'static str]>) -> Result<AdvertisedScopes, Vec<BuildProblem>> {
        AdvertisedScopes::new(&ScopeIndex::new([&SCOPES]), initial.map(<[_]>::to_vec))
    }

    #[test]
    fn all_scopes_are_advertised_by_default() {
        let all = advertised(None).unwrap();
        assert_eq!((all.supported, all.initial), (vec!["a", "b"], None));
        let one = advertised(Some(&["b", OFFLINE_ACCESS])).unwrap();
        assert_eq!((one.supported, one.initial), (vec!["b"], Some(vec!["b"])));
    }

    #[test]
    fn an_empty_list_and_an_unknown_scope_are_problems() {
        assert_eq!(advertised(Some(&[])), Err(vec![BuildProblem::NoInitialScopes]));
        assert_eq!(advertised(Some(&[OFFLINE_ACCESS])), Err(vec![BuildProblem::NoInitialScopes]));
        assert_eq!(advertised(Some(&["a", "z"])), Err(vec![BuildProblem::UnknownInitialScope("z")]));
    }
}
