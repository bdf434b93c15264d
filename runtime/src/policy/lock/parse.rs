//! Reading lock files.

use std::collections::HashSet;

use super::{
    LockError, LockProblem,
    word::{WHEN, read_text, read_word},
    write::{HINTS, hints},
};
use crate::{
    operation::OperationKind,
    policy::{ConditionalScopes, Implication, OperationPolicy, Policy, Role, role::similar},
    rate::Rate,
    resource::UriTemplate,
};

const SERVER_FACTS: &str = "`requires SCOPE`, `conceals forbidden operations` or `deny_rules NUMBER`";
const TOOL_FACTS: &str = "`scopes`, `any_scope`, `scopes_if`, `guard`, `approve`, `visible_to`, `org`, `org_role`, `rate`, \
                          `total_rate` or a hint such as `read_only` or `not destructive`";
const OPERATION_FACTS: &str =
    "`scopes`, `any_scope`, `scopes_if`, `guard`, `visible_to`, `org`, `org_role`, `rate` or `total_rate`";

pub(super) fn parse(text: &str) -> Result<Policy, LockError> {
    let mut parser = Parser::default();
    for (line, number) in text.lines().zip(1..) {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        parser.line = number;
        let result =
            if line.starts_with(char::is_whitespace) { parser.fact(content) } else { parser.section(content) };
        result.map_err(|problem| LockError { line: number, problem })?;
    }
    parser.finish()
}

#[derive(Default)]
struct Parser {
    policy: Policy,
    /// The section of the current line. Its entry is the last one of its kind in the policy.
    section: Option<Section>,
    /// Sections that were read, to find duplicates.
    seen: HashSet<(Section, String)>,
    /// Scopes that need a `scope` line, and the lines that name them.
    references: Vec<(usize, String)>,
    line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Section {
    Scope,
    Server,
    Role,
    Operation(OperationKind),
}

impl Parser {
    fn section(&mut self, content: &str) -> Result<(), LockProblem> {
        let (keyword, rest) = content.split_once(char::is_whitespace).unwrap_or((content, ""));
        let section = match keyword {
            "scope" => Section::Scope,
            "server" => Section::Server,
            "role" => Section::Role,
            "tool" => Section::Operation(OperationKind::Tool),
            "prompt" => Section::Operation(OperationKind::Prompt),
            "resource" => Section::Operation(OperationKind::Resource),
            _ => return Err(LockProblem::UnknownSection(keyword.to_owned())),
        };
        let name = match section {
            Section::Server => end_of_line(rest).map(|()| String::new())?,
            _ => only_word(section.keyword(), rest)?,
        };
        if !self.seen.insert((section, name.clone())) {
            return Err(LockProblem::DuplicateSection(content.to_owned()));
        }
        self.section = Some(section);
        match section {
            Section::Scope => self.policy.scopes.push(name),
            Section::Server => {}
            Section::Role => self.policy.roles.push(Role { name, scopes: Vec::new() }),
            Section::Operation(kind) => {
                check_name(kind, &name)?;
                self.policy.operations.push(OperationPolicy { kind, name, ..OperationPolicy::default() });
            }
        }
        Ok(())
    }

    fn fact(&mut self, content: &str) -> Result<(), LockProblem> {
        let section = self.section.ok_or(LockProblem::FactWithoutSection)?;
        let (keyword, rest) = content.split_once(char::is_whitespace).unwrap_or((content, ""));
        let unknown =
            |expected| LockProblem::UnknownFact { section: section.keyword(), fact: keyword.to_owned(), expected };
        match section {
            Section::Scope => match keyword {
                "implies" => self.implies(rest),
                _ => Err(unknown("`implies SCOPE`")),
            },
            Section::Server => match (keyword, rest.trim()) {
                ("requires", scopes) => {
                    let scopes = self.scopes("requires", scopes)?;
                    self.policy.server.required_scopes.extend(scopes);
                    Ok(())
                }
                ("conceals", "forbidden operations") => {
                    self.policy.server.conceal_forbidden = true;
                    Ok(())
                }
                ("deny_rules", count) => {
                    let invalid = || LockProblem::InvalidNumber(count.to_owned());
                    self.policy.server.switches = count.parse().ok().filter(|&n| n > 0).ok_or_else(invalid)?;
                    Ok(())
                }
                _ => Err(unknown(SERVER_FACTS)),
            },
            Section::Role => {
                let scope = only_word("role", content)?;
                self.references.push((self.line, scope.clone()));
                if let Some(role) = self.policy.roles.last_mut() {
                    role.scopes.push(scope);
                }
                Ok(())
            }
            Section::Operation(kind) => {
                let Some(mut operation) = self.policy.operations.pop() else {
                    return Err(LockProblem::FactWithoutSection);
                };
                let is_known = self.operation_fact(&mut operation, keyword, rest)?;
                self.policy.operations.push(operation);
                if is_known {
                    Ok(())
                } else {
                    Err(unknown(if kind == OperationKind::Tool { TOOL_FACTS } else { OPERATION_FACTS }))
                }
            }
        }
    }

    fn implies(&mut self, rest: &str) -> Result<(), LockProblem> {
        let implied = self.scopes("implies", rest)?;
        let Some(scope) = self.policy.scopes.last() else { return Err(LockProblem::FactWithoutSection) };
        match self.policy.hierarchy.last_mut().filter(|rule| rule.scope == *scope) {
            Some(rule) => rule.implies.extend(implied),
            None => self.policy.hierarchy.push(Implication { scope: scope.clone(), implies: implied }),
        }
        Ok(())
    }

    /// Reads a fact of an operation. Returns false if there is no such fact.
    fn operation_fact(
        &mut self,
        operation: &mut OperationPolicy,
        keyword: &str,
        rest: &str,
    ) -> Result<bool, LockProblem> {
        match keyword {
            "scopes" => operation.scopes.extend(self.scopes("scopes", rest)?),
            "any_scope" => operation.any_scope.extend(self.scopes("any_scope", rest)?),
            "scopes_if" => {
                let (scopes, condition) = words(rest, Some(WHEN))?;
                self.references.extend(scopes.iter().map(|scope| (self.line, scope.clone())));
                let condition = read_text(condition)?.ok_or(LockProblem::MissingCondition)?;
                if scopes.is_empty() {
                    return Err(LockProblem::MissingValue("scopes_if"));
                }
                operation.scopes_if.push(ConditionalScopes { condition, scopes });
            }
            "guard" => operation.guards.push(read_text(rest)?.ok_or(LockProblem::MissingValue("guard"))?),
            "visible_to" => {
                operation.visible_to.push(read_text(rest)?.ok_or(LockProblem::MissingValue("visible_to"))?);
            }
            "org" => operation.orgs.push(only_word("org", rest)?),
            "org_role" => operation.org_roles.push(only_word("org_role", rest)?),
            "rate" => operation.rate = Some(rate("rate", rest)?),
            "total_rate" => operation.total_rate = Some(rate("total_rate", rest)?),
            _ if operation.kind != OperationKind::Tool => return Ok(false),
            "approve" => operation.approve = Some(read_text(rest)?.ok_or(LockProblem::MissingValue("approve"))?),
            _ => {
                let (name, rest, value) = match keyword {
                    "not" => (rest.trim(), "", false),
                    _ => (keyword, rest, true),
                };
                let Some(i) = HINTS.iter().position(|hint| *hint == name) else { return Ok(false) };
                end_of_line(rest)?;
                *hints(&mut operation.annotations)[i] = Some(value);
            }
        }
        Ok(true)
    }

    /// Reads scopes to the end of the line, at least one.
    fn scopes(&mut self, keyword: &'static str, rest: &str) -> Result<Vec<String>, LockProblem> {
        let (scopes, _) = words(rest, None)?;
        if scopes.is_empty() {
            return Err(LockProblem::MissingValue(keyword));
        }
        self.references.extend(scopes.iter().map(|scope| (self.line, scope.clone())));
        Ok(scopes)
    }

    fn finish(mut self) -> Result<Policy, LockError> {
        let policy = &mut self.policy;
        if let Some((line, scope)) = self.references.into_iter().find(|(_, scope)| !policy.scopes.contains(scope)) {
            let similar = similar(&scope, &policy.scopes);
            return Err(LockError { line, problem: LockProblem::UnknownScope { scope, similar } });
        }
        for operation in &mut policy.operations {
            for scope in &policy.server.required_scopes {
                if !operation.scopes.contains(scope) {
                    operation.scopes.push(scope.clone());
                }
            }
        }
        OperationPolicy::sort(&mut policy.operations);
        Ok(self.policy)
    }
}

impl Section {
    fn keyword(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Server => "server",
            Self::Role => "role",
            Self::Operation(kind) => kind.name(),
        }
    }
}

/// Checks that the name of a resource is a URI or a URI template. A URI without variables can be that of a mounted server,
/// which has URIs of any syntax.
fn check_name(kind: OperationKind, name: &str) -> Result<(), LockProblem> {
    if kind != OperationKind::Resource || (name.contains(':') && !name.contains('{')) {
        return Ok(());
    }
    UriTemplate::parse(name).map(drop).map_err(|error| LockProblem::InvalidUri(error.to_string()))
}

/// Reads words up to the bare word `end`, or to the end of the line. Returns the words and the rest.
fn words<'a>(mut rest: &'a str, end: Option<&str>) -> Result<(Vec<String>, &'a str), LockProblem> {
    let mut words = Vec::new();
    while let Some((word, is_quoted, after)) = read_word(rest)? {
        rest = after;
        if !is_quoted && end == Some(word.as_str()) {
            break;
        }
        words.push(word);
    }
    Ok((words, rest))
}

fn only_word(keyword: &'static str, rest: &str) -> Result<String, LockProblem> {
    let (word, _, rest) = read_word(rest)?.ok_or(LockProblem::MissingValue(keyword))?;
    end_of_line(rest).map(|()| word)
}

/// Reads a rate to the end of the line.
fn rate(keyword: &'static str, rest: &str) -> Result<Rate, LockProblem> {
    Ok(only_word(keyword, rest)?.parse()?)
}

fn end_of_line(rest: &str) -> Result<(), LockProblem> {
    match rest.trim() {
        "" => Ok(()),
        text => Err(LockProblem::UnexpectedText(text.to_owned())),
    }
}
