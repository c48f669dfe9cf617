//! Values by path template, found without trying every template.

use std::collections::HashMap;

/// Values by path template, such as `/milestones/{ref}/history`. Of two templates that match a path, the one whose first
/// different segment is literal takes precedence.
#[derive(Debug)]
pub struct PathTree<T> {
    value: Option<T>,
    literals: HashMap<String, PathTree<T>>,
    parameter: Option<Box<PathTree<T>>>,
}

impl<T> Default for PathTree<T> {
    fn default() -> Self {
        PathTree { value: None, literals: HashMap::new(), parameter: None }
    }
}

impl<T> PathTree<T> {
    /// The value of a template, to be set or changed.
    pub fn entry(&mut self, template: &str) -> &mut Option<T> {
        let mut tree = self;
        for segment in template.split('/') {
            tree = if segment.starts_with('{') {
                tree.parameter.get_or_insert_default()
            } else {
                tree.literals.entry(segment.to_owned()).or_default()
            };
        }
        &mut tree.value
    }

    /// The value of the template that matches a path; a parameter matches one segment that is not empty.
    pub fn find(&self, path: &str) -> Option<&T> {
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        let literal = self.literals.get(segment).and_then(|tree| tree.rest(rest));
        literal.or_else(|| self.parameter.as_ref().filter(|_| !segment.is_empty())?.rest(rest))
    }

    fn rest(&self, rest: Option<&str>) -> Option<&T> {
        match rest {
            Some(rest) => self.find(rest),
            None => self.value.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_the_most_literal_template() {
        let mut tree = PathTree::default();
        for template in ["/", "/a", "/a/", "/a/{ref}", "/a/all", "/a/{ref}/b", "/a/all/c", "/{ref}/b/c"] {
            *tree.entry(template) = Some(template);
        }
        for (path, found) in [
            ("/", Some("/")),
            ("/a", Some("/a")),
            ("/a/", Some("/a/")),
            ("/a/x", Some("/a/{ref}")),
            ("/a/all", Some("/a/all")),
            ("/a/all/b", Some("/a/{ref}/b")),
            ("/a/all/c", Some("/a/all/c")),
            ("/a/b/c", Some("/{ref}/b/c")),
            ("/a//b", None),
            ("/a/x/", None),
            ("/a/x/c", None),
            ("/x", None),
            ("", None),
            ("a", None),
        ] {
            assert_eq!(tree.find(path).copied(), found, "{path}");
        }
    }
}
