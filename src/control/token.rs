//! Tokens: who asks, and what they may.

use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use ring::digest;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;

use crate::config::Role;
use crate::config::Token;

/// The name of the token that a node makes for itself.
pub const LOCAL: &str = "operator";

/// The folder for what survives a restart can't hold a token.
#[derive(Debug, thiserror::Error)]
#[error(
    "failed to write the token `{path}`; let Meridian write there, name another folder as \
     `directory` in `[state]`, or configure a token in `[control]`"
)]
pub struct LocalTokenError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    pub source: io::Error,
}

/// Where the token that a node makes for itself is, in its folder for what survives a restart.
pub fn local_path(state: &Path) -> PathBuf {
    state.join("operator.token")
}

/// The token that a node makes for itself, which may operate: the one of before, or a new one.
/// Whoever can read the file may do everything; only its owner can. Blocks.
///
/// # Errors
///
/// [`LocalTokenError`] says what to do.
pub fn local(state: &Path) -> Result<Token, LocalTokenError> {
    let path = local_path(state);
    let text = match kept(&path) {
        Some(text) => text,
        None => make(state, &path).map_err(|source| LocalTokenError { path, source })?,
    };
    Ok(Token { name: LOCAL.to_owned(), role: Role::Operate, sha256: hash(&text) })
}

/// The tokens of the configuration, and that of [`local`] if none of them may operate. Blocks.
///
/// # Errors
///
/// [`LocalTokenError`] says what to do.
pub fn with_local(mut tokens: Vec<Token>, state: &Path) -> Result<Vec<Token>, LocalTokenError> {
    if !tokens.iter().any(|token| token.role == Role::Operate) {
        tokens.push(local(state)?);
    }
    Ok(tokens)
}

/// Whose token it is. Takes as long for each that is wrong: hashes are compared, all of them
/// and to their end.
pub(super) fn find<'t>(tokens: &'t [Token], text: &str) -> Option<&'t Token> {
    let wanted = hash(text);
    tokens.iter().fold(None, |found, token| {
        let difference = wanted.iter().zip(&token.sha256).fold(0, |sum, (a, b)| sum | (a ^ b));
        if std::hint::black_box(difference) == 0 { Some(token) } else { found }
    })
}

fn hash(text: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 octets")
}

/// The text of a token that was made before, if nobody else could read it.
fn kept(path: &Path) -> Option<String> {
    let metadata = fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o077 != 0 {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (text.len() == 64).then(|| text.to_owned())
}

fn make(state: &Path, path: &Path) -> io::Result<String> {
    let mut octets = [0; 32];
    SystemRandom::new().fill(&mut octets).map_err(|_| io::Error::other("no random numbers"))?;
    let text: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state)?;
    // Whole or not at all, and never readable by others, not even for a moment.
    let beside = path.with_extension(format!("token.{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| writeln!(file, "{text}"))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What is wrong is said already.
        drop(fs::remove_file(&beside));
    }
    written.map(|()| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_token_is_for_its_owner_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        let token = local(&state).unwrap();
        let path = local_path(&state);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim().len(), 64);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(find(std::slice::from_ref(&token), text.trim()), Some(&token));
        assert_eq!(local(&state).unwrap(), token, "a reload keeps it");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_ne!(local(&state).unwrap(), token, "others could have read it");
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn a_configured_operator_makes_it_needless() {
        let folder = tempfile::tempdir().unwrap();
        let of = |role| Token { name: "ci".into(), role, sha256: hash("0123456789abcdef") };
        let tokens = with_local(vec![of(Role::Operate)], folder.path()).unwrap();
        assert_eq!(tokens.len(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let tokens = with_local(vec![of(Role::Report)], folder.path()).unwrap();
        assert_eq!(tokens.len(), 2);
        assert_eq!(find(&tokens, "0123456789abcdef").unwrap().name, "ci");
        assert!(find(&tokens, "0123456789abcdeF").is_none());
        assert!(find(&tokens, "").is_none());
    }

    #[test]
    fn a_folder_that_is_a_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let problem = local(&file).unwrap_err().to_string();
        assert!(problem.contains("`directory` in `[state]`"), "{problem}");
    }
}
