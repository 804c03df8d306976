//! What is wrong with the node itself: a full disk, a refused configuration, an address that it
//! waits for. One list, which all parts of a node write to and `status`, `/readyz` and
//! `/metrics` show.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::limits;

/// One thing that is wrong with the node itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NodeProblem {
    /// What kind of problem it is.
    pub code: ProblemCode,
    /// What has it: a file, an address, a node.
    pub subject: String,
    /// What is wrong, and what to do.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

macro_rules! codes {
    ($($(#[doc = $help:literal])+ $name:ident = $word:literal;)+) => {
        /// The kinds of problems; the names are stable, and listed in `manual::operations`.
        #[derive(
            Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
        )]
        pub enum ProblemCode {
            $($(#[doc = $help])+ #[serde(rename = $word)] $name,)+
        }

        impl ProblemCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

codes! {
    /// An address of `listen` is not there yet; it is listened on once it is.
    AddressAwaited = "address-awaited";
    /// An address of `listen` can't be had.
    AddressUnavailable = "address-unavailable";
    /// Another node of the cluster has another configuration.
    ConfigurationDiffers = "configuration-differs";
    /// What is on disk was refused; an older configuration serves.
    ConfigurationRefused = "configuration-refused";
    /// Lines of the log are lost, since nobody reads them.
    LogNotRead = "log-not-read";
    /// Fewer files may be open than may be needed.
    OpenFilesTooFew = "open-files-too-few";
    /// Another node of the cluster has other databases.
    DatabasesDiffer = "databases-differ";
    /// The node runs as root, and others may write its files.
    ExposedFile = "exposed-file";
    /// Two processes of the cluster have one name.
    NameTaken = "name-taken";
    /// Copies of the files in force can't be kept.
    LastGoodNotKept = "last-good-not-kept";
    /// The files were refused at the start; copies of those that were in force before serve.
    ServingLastGood = "serving-last-good";
    /// What is to outlive a restart can't be written.
    StateNotSaved = "state-not-saved";
}

/// The list, shared by all that write to it.
///
/// Per code it has at most [`limits::NODE_PROBLEMS`] entries, with messages of a bounded length.
#[derive(Clone, Debug, Default)]
pub struct NodeProblems(Arc<Mutex<BTreeMap<(ProblemCode, String), NodeProblem>>>);

impl NodeProblems {
    /// Says that something is wrong. Returns whether that is news, so that the caller logs it
    /// once; the same in other words is none, and keeps its beginning.
    pub fn set(
        &self,
        code: ProblemCode,
        subject: &str,
        message: impl Into<String>,
        now: Timestamp,
    ) -> bool {
        let (subject, message) = (cut(subject.to_owned()), cut(message.into()));
        let mut all = self.all_mut();
        if let Some(known) = all.get_mut(&(code, subject.clone())) {
            known.message = message;
            return false;
        }
        if all.keys().filter(|(of, _)| *of == code).count() >= limits::NODE_PROBLEMS {
            return false;
        }
        let problem = NodeProblem { code, subject: subject.clone(), message, since: now };
        all.insert((code, subject), problem);
        true
    }

    /// Says that it is right again. Returns whether that is news.
    pub fn clear(&self, code: ProblemCode, subject: &str) -> bool {
        self.all_mut().remove(&(code, cut(subject.to_owned()))).is_some()
    }

    /// Says all that is wrong of one kind, as subjects and messages: what else was is over.
    /// Returns what of it is news.
    pub fn replace(
        &self,
        code: ProblemCode,
        found: impl IntoIterator<Item = (String, String)>,
        now: Timestamp,
    ) -> Vec<(String, String)> {
        let found: BTreeMap<String, String> =
            found.into_iter().map(|(subject, message)| (cut(subject), message)).collect();
        self.all_mut().retain(|(of, subject), _| *of != code || found.contains_key(subject));
        let is_news =
            |(subject, message): &(String, String)| self.set(code, subject, message.clone(), now);
        found.into_iter().filter(is_news).collect()
    }

    /// All that is wrong, by code and subject.
    pub fn all(&self) -> Vec<NodeProblem> {
        self.all_mut().values().cloned().collect()
    }

    fn all_mut(&self) -> MutexGuard<'_, BTreeMap<(ProblemCode, String), NodeProblem>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text that is no longer than it may be.
fn cut(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(limits::NODE_PROBLEM) {
        text.truncate(at);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: ProblemCode = ProblemCode::AddressUnavailable;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_problem_is_news_once_and_keeps_its_beginning() {
        let problems = NodeProblems::default();
        let shared = problems.clone();
        assert!(shared.set(CODE, "a", "in use", at(1)));
        assert!(!problems.set(CODE, "a", "not there", at(2)));
        let expected = NodeProblem {
            code: CODE,
            subject: "a".into(),
            message: "not there".into(),
            since: at(1),
        };
        assert_eq!(problems.all(), [expected]);
        assert!(problems.clear(CODE, "a") && !problems.clear(CODE, "a"));
        assert_eq!(shared.all(), []);
        assert!(problems.set(CODE, "a", "in use", at(3)), "again is news");
        assert_eq!(problems.all()[0].since, at(3));
    }

    #[test]
    fn what_is_no_longer_found_is_over_and_others_stay() {
        let problems = NodeProblems::default();
        problems.set(ProblemCode::ConfigurationRefused, "a", "", at(1));
        let found = |names: &[&str]| -> Vec<(String, String)> {
            names.iter().map(|name| ((*name).to_owned(), String::new())).collect()
        };
        problems.replace(CODE, found(&["a", "b"]), at(1));
        problems.replace(CODE, found(&["b", "c"]), at(2));
        let all: Vec<_> = problems.all().into_iter().map(|p| (p.subject, p.since)).collect();
        let expected = [("b", at(1)), ("c", at(2)), ("a", at(1))];
        assert_eq!(all, expected.map(|(name, since)| (name.to_owned(), since)));
    }

    #[test]
    fn the_list_is_bounded_in_number_and_in_length() {
        let problems = NodeProblems::default();
        for n in 0..limits::NODE_PROBLEMS + 10 {
            problems.set(CODE, &n.to_string(), "ä".repeat(10_000), at(1));
        }
        let all = problems.all();
        assert_eq!(all.len(), limits::NODE_PROBLEMS);
        assert!(all.iter().all(|p| p.message.chars().count() == limits::NODE_PROBLEM + 1));
    }

    #[test]
    fn codes_stand_in_the_manual() {
        let manual = include_str!("../manual/operations.md");
        for code in ProblemCode::ALL {
            let row = format!("| `{}` |", code.as_str());
            assert!(manual.lines().any(|line| line.starts_with(&row)), "not there: {row}");
        }
    }
}
