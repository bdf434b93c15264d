//! Whether a URI can match two templates.

use super::{UriTemplate, syntax::VariableKind};
use crate::resource::byte_set::ByteSet;

/// One byte of a URI, or several if it repeats.
#[derive(Clone, Copy)]
struct Step {
    bytes: ByteSet,
    repeats: bool,
}

/// The URIs of a template as a sequence of steps. The set of these URIs includes all that the template matches.
struct Steps {
    steps: Vec<Step>,
    /// Number of steps after which a URI can end. It can also end after all steps.
    without_query: usize,
}

impl Steps {
    fn new(template: &UriTemplate) -> Self {
        let literal = |text: &str| -> Vec<Step> {
            text.bytes().map(|byte| Step { bytes: ByteSet::of(byte), repeats: false }).collect()
        };
        let mut steps = literal(&template.head);
        for (variable, text) in &template.variables {
            steps.push(Step { bytes: variable.kind.all_bytes(), repeats: true });
            steps.extend(literal(text));
        }
        let without_query = steps.len();
        if !template.optional.is_empty() {
            steps.extend(literal("?"));
            steps.push(Step { bytes: VariableKind::Optional.all_bytes(), repeats: true });
        }
        Self { steps, without_query }
    }

    fn is_end(&self, position: usize) -> bool {
        position == self.without_query || position == self.steps.len()
    }
}

/// Searches for a URI that takes both templates from their first step to an end.
pub(super) fn overlap(a: &UriTemplate, b: &UriTemplate) -> bool {
    // Most templates of a server differ here.
    if !a.head.starts_with(&*b.head) && !b.head.starts_with(&*a.head) {
        return false;
    }
    let (a, b) = (Steps::new(a), Steps::new(b));
    let width = b.steps.len() + 1;
    let mut seen = vec![false; (a.steps.len() + 1) * width];
    let mut open = vec![(0, 0)];
    while let Some((i, j)) = open.pop() {
        if std::mem::replace(&mut seen[i * width + j], true) {
            continue;
        }
        if a.is_end(i) && b.is_end(j) {
            return true;
        }
        if let (Some(step_a), Some(step_b)) = (a.steps.get(i), b.steps.get(j))
            && step_a.bytes.intersects(step_b.bytes)
        {
            open.push((i + 1, j + 1));
            if step_a.repeats {
                open.push((i, j + 1));
            }
            if step_b.repeats {
                open.push((i + 1, j));
            }
        }
    }
    false
}
