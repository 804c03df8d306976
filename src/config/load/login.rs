//! Who the node is to a source of load.

use std::path::PathBuf;

use crate::config::codes;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::LoadLogin;

/// Reads `token-file`, `user` and `password-file`.
pub(super) fn read(section: &mut Section<'_>) -> LoadLogin {
    let token = section.value("token-file", "\"balancer.token\"");
    let user = section.value("user", "\"meridian\"");
    let password = section.value("password-file", "\"balancer.pass\"");
    let problem = match (&token, &user, &password) {
        (_, Some(lone), None) => Some(half(lone, "password-file", "balancer.pass")),
        (_, None, Some(lone)) => Some(half(lone, "user", "meridian")),
        (Some(token), Some(user), Some(_)) => Some(both(token, user)),
        (_, Some(_), Some(_)) | (_, None, None) => None,
    };
    if let Some(problem) = problem {
        section.reader().report(problem);
    }
    // All are read, so that every mistake in them is reported.
    let file = |value: Value<'_>| value.content(secret, wrong).map(|(path, ())| path.value);
    let user = user.and_then(|value| value.parsed(name)).map(|at| at.value);
    let (token, password) = (token.and_then(file), password.and_then(file));
    let of_user = user.zip(password).map(|(user, password)| LoadLogin::User(user, password));
    token.map(LoadLogin::Token).or(of_user).unwrap_or_default()
}

/// A user's name, which ends at the first colon (RFC 7617, 2).
fn name(text: &str) -> Result<String, Fault> {
    if !text.contains(|c: char| c == ':' || c.is_control()) {
        return Ok(text.to_owned());
    }
    let bare = text.split(':').next().unwrap_or_default().replace(char::is_control, "");
    let fault = Fault::new(codes::LOAD_LOGIN, "a user without colons and control characters");
    // A password may follow, which is no one's business.
    let fault = fault.found("one with them");
    Err(fault.help(format!("write {bare:?}, and the password in the file `password-file`")))
}

fn half(lone: &Value<'_>, missing: &str, example: &str) -> Diagnostic {
    let there = &lone.key.value;
    let message = format!("`{there}` needs a `{missing}`: expected both or neither");
    Diagnostic::error(codes::LOAD_LOGIN, lone.span, message)
        .label(lone.span, format!("`{missing}` is missing"))
        .help(format!("add `{missing} = \"{example}\"`, or remove `{there}`"))
}

fn both(token: &Value<'_>, user: &Value<'_>) -> Diagnostic {
    let message = "a source of load has a token and a user: expected one of them";
    Diagnostic::error(codes::LOAD_LOGIN, token.key.span, message)
        .label(token.key.span, "one way")
        .label(user.key.span, "another way")
        .help("keep the one that the balancer asks for")
}

/// What is wrong with a file of a secret; never what is in it.
fn wrong(path: &At<PathBuf>, why: &str) -> Diagnostic {
    let message = format!("`{}`: {why}", path.value.display());
    Diagnostic::error(codes::LOAD_LOGIN, path.span, message)
        .label(path.span, why.to_owned())
        .help("name a file whose first line is the token or the password")
}

fn secret(text: &str) -> Result<(), String> {
    match text.lines().next().map(str::trim) {
        None | Some("") => Err("expected a secret in the first line, found nothing".to_owned()),
        // It goes into a header as it is.
        Some(line) if line.contains(char::is_control) => {
            Err("expected a secret in the first line, found control characters".to_owned())
        }
        Some(_) => Ok(()),
    }
}
