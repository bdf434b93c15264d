//! List of a server's scopes, checked at compile time.

use std::fmt;

use super::{const_message::ConstMessage, const_str, unique::first_duplicate};

/// Maximum number of [`Scopes::implies`] rules of a list.
const MAX_RULES: usize = 64;

/// List of a server's scopes, as configured in the authorization server.
///
/// Declare it as a `static` named `SCOPES` at the root of the crate. `#[tool]` and `scope!` check every scope against
/// it at compile time.
///
/// ```
/// use toolgate::Scopes;
///
/// pub static SCOPES: Scopes = Scopes::new(&[
///     "employees:read:private",
///     "employees:read:public",
/// ])
/// .implies("employees:read:private", &["employees:read:public"]);
/// # fn main() {}
/// ```
///
/// An empty list, a duplicate scope, and an entry that is not a scope token ([RFC 6749, section 3.3]) do not compile:
///
/// ```compile_fail
/// use toolgate::Scopes;
///
/// static SCOPES: Scopes = Scopes::new(&["employees read"]);
/// # fn main() {}
/// ```
///
/// [RFC 6749, section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
pub struct Scopes {
    names: &'static [&'static str],
    rules: [Rule; MAX_RULES],
    rule_count: usize,
    missing: bool,
}

/// Rule of the hierarchy: a token with `scope` also grants `implied`.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) scope: &'static str,
    pub(crate) implied: &'static [&'static str],
}

impl Scopes {
    /// Creates a list of scopes.
    ///
    /// # Panics
    ///
    /// If the list is empty, if it has a duplicate, or if an entry is not a scope token: one or more printable ASCII
    /// characters except space, `"` and `\` (RFC 6749, section 3.3). In a `static`, a panic is a compile error.
    #[track_caller]
    pub const fn new<const N: usize>(names: &'static [&'static str; N]) -> Self {
        assert!(N > 0, "the list of scopes is empty: add at least one, such as \"employees:read:public\"");
        let mut i = 0;
        while i < N {
            check_token(names[i]);
            i += 1;
        }
        if let Some(duplicate) = first_duplicate(names) {
            ConstMessage::new("duplicate scope `").push(duplicate).push("`: remove one").panic();
        }
        Self { names, rules: [Rule { scope: "", implied: &[] }; MAX_RULES], rule_count: 0, missing: false }
    }

    /// Adds a rule to the hierarchy: a token with `scope` also grants the scopes in `implied`, and those that they
    /// imply.
    ///
    /// MCP requires a server to consider such hierarchies when it authorizes a request.
    ///
    /// # Panics
    ///
    /// If a scope is not in the list, if `implied` is empty, if a scope implies itself, directly or through other rules,
    /// or if there are more than 64 rules. In a `static`, a panic is a compile error.
    #[track_caller]
    pub const fn implies(mut self, scope: &'static str, implied: &'static [&'static str]) -> Self {
        self.position_or_panic(scope, None);
        if implied.is_empty() {
            ConstMessage::new("`implies(\"")
                .push(scope)
                .push("\", &[])` has no effect: name the implied scopes, or remove it")
                .panic();
        }
        let mut i = 0;
        while i < implied.len() {
            self.position_or_panic(implied[i], None);
            i += 1;
        }
        assert!(
            self.rule_count < MAX_RULES,
            "more than 64 `implies` rules: write one rule for each scope, with all scopes that it implies"
        );
        self.rules[self.rule_count] = Rule { scope, implied };
        self.rule_count += 1;
        if self.implies_transitively(scope, scope) {
            ConstMessage::new("`implies` cycle: the scope `")
                .push(scope)
                .push("` implies itself; remove one of the rules of the cycle")
                .panic();
        }
        self
    }

    /// Returns the scopes, in the order of the declaration.
    pub const fn names(&self) -> &'static [&'static str] {
        self.names
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules[..self.rule_count]
    }

    /// Creates the placeholder for a list that the crate does not declare; see [`super::missing`].
    pub(crate) const fn missing() -> Self {
        Self { names: &[], rules: [Rule { scope: "", implied: &[] }; MAX_RULES], rule_count: 0, missing: true }
    }

    pub(crate) const fn is_missing(&self) -> bool {
        self.missing
    }

    const fn position(&self, name: &str) -> Option<usize> {
        let mut i = 0;
        while i < self.names.len() {
            if const_str::equal(self.names[i], name) {
                return Some(i);
            }
            i += 1;
        }
        None
    }

    /// Returns the position of `name` in the list.
    ///
    /// # Panics
    ///
    /// If it is not in the list. The message names the list by `path`, if it has one, and suggests a similar entry.
    #[track_caller]
    pub(crate) const fn position_or_panic(&self, name: &str, path: Option<&str>) -> usize {
        if let Some(position) = self.position(name) {
            return position;
        }
        let message = ConstMessage::new("the scope `").push(name);
        let message = match path {
            Some(path) => message.push("` is not in `").push(path).push("`"),
            None => message.push("` is not in the list"),
        };
        match const_str::nearest(name, self.names) {
            Some(similar) => message.push(": did you mean `").push(similar).push("`?").panic(),
            None => message.push(": add it to that list and to the authorization server").panic(),
        }
    }

    /// Returns whether a token with the scope `from` has the scope `to`: the same one, or one that it implies.
    pub(crate) const fn includes(&self, from: &str, to: &str) -> bool {
        const_str::equal(from, to) || self.implies_transitively(from, to)
    }

    /// Returns whether the rules lead from `from` to `to`. The search visits rules, so `visited` has one bit for each
    /// rule.
    const fn implies_transitively(&self, from: &str, to: &str) -> bool {
        let mut visited = 0_u64;
        let mut i = 0;
        while i < self.rule_count {
            if const_str::equal(self.rules[i].scope, from) {
                visited |= 1 << i;
            }
            i += 1;
        }
        let mut grew = true;
        while grew {
            grew = false;
            let mut i = 0;
            while i < self.rule_count {
                if visited & (1 << i) != 0 {
                    let implied = self.rules[i].implied;
                    let mut k = 0;
                    while k < implied.len() {
                        if const_str::equal(implied[k], to) {
                            return true;
                        }
                        let mut j = 0;
                        while j < self.rule_count {
                            if visited & (1 << j) == 0 && const_str::equal(self.rules[j].scope, implied[k]) {
                                visited |= 1 << j;
                                grew = true;
                            }
                            j += 1;
                        }
                        k += 1;
                    }
                }
                i += 1;
            }
        }
        false
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names).finish()
    }
}

/// Returns whether a string is a scope token: `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749, section 3.3).
const fn is_scope_token(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if !matches!(bytes[i], 0x21 | 0x23..=0x5B | 0x5D..=0x7E) {
            return false;
        }
        i += 1;
    }
    !bytes.is_empty()
}

#[track_caller]
const fn check_token(name: &str) {
    assert!(!name.is_empty(), "a scope is empty: expected a scope token, such as \"employees:read:public\"");
    if !is_scope_token(name) {
        ConstMessage::new("`")
            .push(name)
            .push(
                "` is not a scope: expected printable ASCII without spaces, quotation marks and backslashes \
                 (RFC 6749, section 3.3); write each scope as a separate entry",
            )
            .panic();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_tokens_are_those_of_rfc_6749_section_3_3() {
        for byte in 0..=u8::MAX {
            let text = String::from(char::from(byte));
            let legal = matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            assert_eq!(is_scope_token(&text), legal, "{byte:#x}");
        }
        assert!(!is_scope_token(""));
    }

    #[test]
    #[should_panic(expected = "`implies` cycle: the scope `c` implies itself")]
    fn rejects_a_cycle_of_rules() {
        let _ = Scopes::new(&["a", "b", "c"]).implies("a", &["b"]).implies("b", &["c"]).implies("c", &["a"]);
    }

    #[test]
    fn accepts_two_paths_to_the_same_scope() {
        let _ =
            Scopes::new(&["a", "b", "c", "d"]).implies("a", &["b", "c"]).implies("b", &["d"]).implies("c", &["d"]);
    }

    #[test]
    fn accepts_thousands_of_scopes() {
        static NAMES: [&str; 3] = ["a", "b", "c"];
        assert_eq!(Scopes::new(&NAMES).names().len(), 3);
        let names: Vec<&'static str> =
            (0..4096).map(|i| &*Box::leak(format!("area{i}:read:all").into_boxed_str())).collect();
        let names: &'static [&'static str; 4096] = (&*Box::leak(names.into_boxed_slice())).try_into().unwrap();
        assert_eq!(Scopes::new(names).names().len(), 4096);
    }

    #[test]
    #[should_panic(expected = "duplicate scope `b`")]
    fn rejects_a_duplicate_scope() {
        let _ = Scopes::new(&["a", "b", "c", "b"]);
    }
}
