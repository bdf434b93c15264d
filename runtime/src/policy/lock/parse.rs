//! Reading lock files.

use std::collections::HashSet;

use super::{
    LockError, LockProblem,
    word::{WHEN, read_text, read_word},
    write::{HINTS, hints},
};
use crate::policy::{ConditionalScopes, Implication, OperationPolicy, Policy, Role, role::similar};

const SERVER_FACTS: &str = "`requires SCOPE`, `conceals forbidden tools` or `deny_rules NUMBER`";
const TOOL_FACTS: &str = "`scopes`, `any_scope`, `scopes_if`, `guard`, `visible_to`, `org`, `org_role` or a hint such as \
                          `read_only` or `not destructive`";

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
    Tool,
}

impl Parser {
    fn section(&mut self, content: &str) -> Result<(), LockProblem> {
        let (keyword, rest) = content.split_once(char::is_whitespace).unwrap_or((content, ""));
        let section = match keyword {
            "scope" => Section::Scope,
            "server" => Section::Server,
            "role" => Section::Role,
            "tool" => Section::Tool,
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
            Section::Tool => self.policy.operations.push(OperationPolicy { name, ..OperationPolicy::default() }),
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
                ("conceals", "forbidden tools") => {
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
            Section::Tool => {
                let Some(mut tool) = self.policy.operations.pop() else {
                    return Err(LockProblem::FactWithoutSection);
                };
                let is_known = self.tool_fact(&mut tool, keyword, rest)?;
                self.policy.operations.push(tool);
                if is_known { Ok(()) } else { Err(unknown(TOOL_FACTS)) }
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

    /// Reads a fact of a tool. Returns false if there is no such fact.
    fn tool_fact(&mut self, tool: &mut OperationPolicy, keyword: &str, rest: &str) -> Result<bool, LockProblem> {
        match keyword {
            "scopes" => tool.scopes.extend(self.scopes("scopes", rest)?),
            "any_scope" => tool.any_scope.extend(self.scopes("any_scope", rest)?),
            "scopes_if" => {
                let (scopes, condition) = words(rest, Some(WHEN))?;
                self.references.extend(scopes.iter().map(|scope| (self.line, scope.clone())));
                let condition = read_text(condition)?.ok_or(LockProblem::MissingCondition)?;
                if scopes.is_empty() {
                    return Err(LockProblem::MissingValue("scopes_if"));
                }
                tool.scopes_if.push(ConditionalScopes { condition, scopes });
            }
            "guard" => tool.guards.push(read_text(rest)?.ok_or(LockProblem::MissingValue("guard"))?),
            "visible_to" => tool.visible_to.push(read_text(rest)?.ok_or(LockProblem::MissingValue("visible_to"))?),
            "org" => tool.orgs.push(only_word("org", rest)?),
            "org_role" => tool.org_roles.push(only_word("org_role", rest)?),
            _ => {
                let (name, rest, value) = match keyword {
                    "not" => (rest.trim(), "", false),
                    _ => (keyword, rest, true),
                };
                let Some(i) = HINTS.iter().position(|hint| *hint == name) else { return Ok(false) };
                end_of_line(rest)?;
                *hints(&mut tool.annotations)[i] = Some(value);
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
        for tool in &mut policy.operations {
            for scope in &policy.server.required_scopes {
                if !tool.scopes.contains(scope) {
                    tool.scopes.push(scope.clone());
                }
            }
        }
        policy.operations.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(self.policy)
    }
}

impl Section {
    fn keyword(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Server => "server",
            Self::Role => "role",
            Self::Tool => "tool",
        }
    }
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

fn end_of_line(rest: &str) -> Result<(), LockProblem> {
    match rest.trim() {
        "" => Ok(()),
        text => Err(LockProblem::UnexpectedText(text.to_owned())),
    }
}
