//! A snapshot as one file: every contract file of a commit and the event schemas beside them, addressed by its content.
//!
//! The format is described in `schemas/formats/bundle.md`. It holds texts and not what is compiled from them, so that every reader judges
//! with its own engine what it would read from Git. The bytes depend on nothing but commit and files.

use std::fmt::Write as _;
use std::str;

use crate::parse::sha256_hex;
use crate::snapshot::ContractFile;

/// First words of every bundle of this version.
const MAGIC: &str = "tidegate-bundle 1 sha256:";
/// The largest bundle in bytes that is read.
pub const BUNDLE_BYTES_MAX: usize = 80 * 1024 * 1024;
/// The most files of a bundle.
pub const BUNDLE_FILES_MAX: usize = 20_000;
/// The longest commit id: 40 hex digits of Git, or that of a directory.
const COMMIT_MAX: usize = 64;

/// Everything that a [`crate::Snapshot`] is built from.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Git commit id in hex, or that of a plain directory.
    pub commit: String,
    /// Contract files and event schemas, ascending by path.
    pub files: Vec<ContractFile>,
}

/// A bundle in bytes, with its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// `sha256:` and 64 hex digits.
    pub digest: String,
    /// The document.
    pub bytes: Vec<u8>,
}

// === impl Bundle ===

impl Bundle {
    /// Of a commit and its files, in any order.
    pub fn new(commit: impl Into<String>, files: impl IntoIterator<Item = ContractFile>) -> Bundle {
        let mut files: Vec<ContractFile> = files.into_iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Bundle {
            commit: commit.into(),
            files,
        }
    }

    /// The document. Equal bundles give equal bytes, on every machine.
    ///
    /// # Errors
    ///
    /// What would not be read again: paths that lead elsewhere or stand twice, too many files or bytes.
    pub fn seal(&self) -> Result<Sealed, String> {
        let mut body = format!("commit {}\n", self.commit);
        for file in &self.files {
            writeln!(body, "file {} {}", file.text.len(), file.path).expect("writing to a string cannot fail");
            body.push_str(&file.text);
            body.push('\n');
        }
        body.push_str("end\n");
        let digest = format!("sha256:{}", sha256_hex(body.as_bytes()));
        let bytes = format!("tidegate-bundle 1 {digest}\n{body}").into_bytes();
        Bundle::open(&bytes)?;
        Ok(Sealed { digest, bytes })
    }

    /// Reads a document and proves that it is whole: its bytes are those of its address. Answers the digest, too.
    ///
    /// # Errors
    ///
    /// What is wrong, without content. A bundle of a later version says so.
    pub fn open(bytes: &[u8]) -> Result<(Bundle, String), String> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(format!(
                "the bundle has {} bytes, more than the limit of {BUNDLE_BYTES_MAX}",
                bytes.len()
            ));
        }
        let text = str::from_utf8(bytes).map_err(|_| "this is no bundle: it is not UTF-8".to_owned())?;
        let Some((first, body)) = text.split_once('\n') else {
            return Err("this is no bundle: it has no first line".to_owned());
        };
        let Some(said) = first.strip_prefix(MAGIC) else {
            return Err(match first.strip_prefix("tidegate-bundle ") {
                Some(_) => "the bundle has a format that this build does not know: take a newer build".to_owned(),
                None => "this is no bundle: it does not begin with `tidegate-bundle`".to_owned(),
            });
        };
        let found = sha256_hex(body.as_bytes());
        if *said != *found {
            return Err(format!(
                "the bundle is damaged: it says that it is sha256:{}, and it is sha256:{found}",
                shown(said)
            ));
        }
        let bundle =
            Bundle::body(body).ok_or_else(|| "the bundle is not written as a bundle is, although its address is right".to_owned())?;
        Ok((bundle, format!("sha256:{found}")))
    }

    fn body(body: &str) -> Option<Bundle> {
        let (commit, mut rest) = body.strip_prefix("commit ")?.split_once('\n')?;
        let is_id =
            !commit.is_empty() && commit.len() <= COMMIT_MAX && commit.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_id {
            return None;
        }
        let mut files: Vec<ContractFile> = Vec::new();
        while rest != "end\n" {
            let (head, after) = rest.strip_prefix("file ")?.split_once('\n')?;
            let (length, path) = head.split_once(' ')?;
            let size: usize = length.parse().ok()?;
            // One way to write each number, so that one content has one address.
            if size.to_string() != length || !is_plain(path) || files.len() == BUNDLE_FILES_MAX {
                return None;
            }
            if files.last().is_some_and(|last| *last.path >= *path) {
                return None;
            }
            let text = after.get(..size)?;
            rest = after[size..].strip_prefix('\n')?;
            files.push(ContractFile {
                path: path.into(),
                text: text.to_owned(),
            });
        }
        Some(Bundle {
            commit: commit.to_owned(),
            files,
        })
    }
}

/// A relative path that stays where it is.
fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= 1024
        && !path.contains(['\\', '\0'])
        && !path.contains(char::is_control)
        && path.split('/').all(|step| !matches!(step, "" | "." | ".."))
}

fn shown(said: &str) -> &str {
    said.get(..64).unwrap_or("…")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(path: &str, text: &str) -> ContractFile {
        ContractFile {
            path: path.into(),
            text: text.to_owned(),
        }
    }

    fn sealed() -> Sealed {
        Bundle::new("c0ffee", [file("b.odcs.yaml", "two\n"), file("a.odcs.yaml", "eins ä")])
            .seal()
            .unwrap()
    }

    #[test]
    fn the_bytes_are_those_of_the_format_page() {
        let body = "commit c0ffee\nfile 7 a.odcs.yaml\neins ä\nfile 4 b.odcs.yaml\ntwo\n\nend\n";
        let sealed = sealed();
        assert_eq!(sealed.digest, format!("sha256:{}", sha256_hex(body.as_bytes())));
        let text = String::from_utf8(sealed.bytes).unwrap();
        assert_eq!(text, format!("tidegate-bundle 1 {}\n{body}", sealed.digest));
    }

    #[test]
    fn what_was_changed_on_the_way_is_not_read() {
        let sealed = sealed();
        for at in 0..sealed.bytes.len() {
            let mut bytes = sealed.bytes.clone();
            bytes[at] ^= 1;
            assert!(Bundle::open(&bytes).is_err(), "byte {at}");
            assert!(Bundle::open(&sealed.bytes[..at]).is_err(), "cut at {at}");
        }
        let longer = [sealed.bytes.as_slice(), b"x"].concat();
        assert!(Bundle::open(&longer).unwrap_err().contains("damaged"));
        assert!(Bundle::open(b"tidegate-bundle 2 sha256:x\n").unwrap_err().contains("newer build"));
    }

    #[test]
    fn a_right_address_does_not_make_a_wrong_body_right() {
        for body in [
            "commit \nend\n",
            "commit a b\nend\n",
            "commit a\n",
            "commit a\nend\nend\n",
            "commit a\nfile 1 ../x\na\nend\n",
            "commit a\nfile 1 /x\na\nend\n",
            "commit a\nfile 1 x\\y\na\nend\n",
            "commit a\nfile 01 x\na\nend\n",
            "commit a\nfile 9 x\na\nend\n",
            "commit a\nfile 1 y\na\nfile 1 x\na\nend\n",
            "commit a\nfile 1 x\na\nfile 1 x\na\nend\n",
        ] {
            let text = format!("tidegate-bundle 1 sha256:{}\n{body}", sha256_hex(body.as_bytes()));
            assert!(Bundle::open(text.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_could_not_be_read_is_not_written() {
        assert!(Bundle::new("a", [file("x", "1"), file("x", "2")]).seal().is_err());
        assert!(Bundle::new("a", [file("../x", "1")]).seal().is_err());
        assert!(Bundle::new("a\nb", []).seal().is_err());
    }

    proptest! {
        #[test]
        fn texts_come_back_whatever_they_hold(texts in proptest::collection::vec("(?s).{0,40}", 0..6)) {
            let files: Vec<ContractFile> = texts.iter().enumerate().map(|(at, text)| file(&format!("f{at}.odcs.yaml"), text)).collect();
            let bundle = Bundle::new("dir-0123", files.into_iter().rev());
            let sealed = bundle.seal().unwrap();
            let (read, digest) = Bundle::open(&sealed.bytes).unwrap();
            prop_assert_eq!(&digest, &sealed.digest);
            prop_assert_eq!(read.files.iter().map(|file| file.text.clone()).collect::<Vec<_>>(), texts);
            prop_assert_eq!(read.seal().unwrap(), sealed);
        }

        #[test]
        fn noise_is_refused_and_never_panics(noise in "(?s).{0,200}") {
            prop_assert!(Bundle::open(noise.as_bytes()).is_err());
        }
    }
}
