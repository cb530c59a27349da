//! The one place that opens a file which a user named, or which lies in a folder that a user named. A name may lead to
//! anything: a pipe that never delivers, a device that never ends, a file that grows. Only regular files are opened,
//! and what is read whole is read up to a cap. Knows nothing about what is in the files.

use std::fs::{File, FileType, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// The most bytes of a text file that is read whole: JSON, TOML, tables, requests, templates. The largest published
/// `tokenizer.json` has some 40 MB.
pub const TEXT_MAX: u64 = 256 << 20;

/// Opens a regular file, through links. Never blocks: a pipe is refused, not waited for.
///
/// # Errors
/// Those of opening; or it is a folder, a pipe, a socket or a device, which the message names.
pub fn open_regular(path: &Path) -> Result<File> {
    // Looking before opening gives a socket its name, and spares devices that act when they are opened.
    refuse_special(std::fs::metadata(path)?.file_type())?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    // Whatever stood there a moment ago: what counts is the file that was opened.
    refuse_special(file.metadata()?.file_type())?;
    Ok(file)
}

/// The bytes of a regular file that has `cap` bytes at most.
///
/// # Errors
/// Those of [`open_regular`] and of reading; the file has more bytes, whatever its length says.
pub fn read_bytes(path: &Path, cap: u64) -> Result<Vec<u8>> {
    let file = open_regular(path)?;
    let length = file.metadata()?.len();
    if length > cap {
        return Err(too_long(&format!("it has {length} bytes"), cap));
    }
    read_up_to(file, cap)
}

/// The text of a regular file that has `cap` bytes at most.
///
/// # Errors
/// Those of [`read_bytes`]; the file is not UTF-8.
pub fn read_text(path: &Path, cap: u64) -> Result<String> {
    let bytes = read_bytes(path, cap)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::new(ErrorKind::InvalidData, format!("it is not UTF-8: the byte at offset {at}"))
    })
}

/// Everything that a source gives, which may be `cap` bytes at most.
///
/// # Errors
/// Those of reading; the source gives more.
pub fn read_up_to(source: impl Read, cap: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(cap.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > cap {
        true => Err(too_long("it goes on", cap)),
        false => Ok(bytes),
    }
}

fn too_long(what: &str, cap: u64) -> Error {
    Error::new(ErrorKind::FileTooLarge, format!("{what}, and {cap} are the most that are read"))
}

fn refuse_special(kind: FileType) -> Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() { "a folder" } else { special(kind) };
    Err(Error::new(ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "a special file"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_cap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, "äb").unwrap();
        assert_eq!(read_text(&path, 3).unwrap(), "äb");
        let error = read_text(&path, 2).unwrap_err();
        assert_eq!(error.to_string(), "it has 3 bytes, and 2 are the most that are read");
        std::fs::write(&path, b"a\xff").unwrap();
        assert!(read_text(&path, 3).unwrap_err().to_string().contains("offset 1"));
        assert!(read_up_to(std::io::repeat(0), 1000).unwrap_err().to_string().contains("goes on"));
        assert_eq!(
            open_regular(&folder.path().join("none")).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_refused_by_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zeros")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
        for (name, what) in [
            ("socket", "a socket"),
            ("zeros", "a device"),
            ("pipe", "a pipe"),
            ("link", "a pipe"),
            (".", "a folder"),
        ] {
            let error = read_bytes(&at(name), TEXT_MAX).unwrap_err().to_string();
            assert_eq!(error, format!("it is {what}, not a regular file"), "{name}");
        }
    }
}
