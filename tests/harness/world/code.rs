//! The content of deployed code: what an archive holds, whatever its bytes.

use std::io::Read;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The digest of the code at a `Code.Location`; null where that does not lead to an archive on this machine.
pub(super) async fn at(location: Option<&str>) -> Value {
    let archive = match location.and_then(|text| text.parse::<Uri>().ok()) {
        Some(uri) if matches!(uri.host(), Some("127.0.0.1" | "localhost")) => download(uri).await,
        _ => None,
    };
    archive
        .and_then(|archive| content_digest(&archive))
        .map_or(Value::Null, Value::from)
}

/// A digest of what an archive holds: each file's path, whether it can be run, and its bytes, in order of the paths. Times,
/// compression, folders and what Python leaves behind do not count. None where it is no zip archive.
pub fn content_digest(archive: &[u8]) -> Option<String> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).ok()?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).ok()?;
        let name = file.name().ok()?.into_owned();
        if file.is_dir() || is_left_over(&name) {
            continue;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let can_run = file.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
        files.push((name, can_run, Sha256::digest(&bytes)));
    }
    files.sort_unstable();
    let mut whole = Sha256::new();
    for (name, can_run, digest) in &files {
        whole.update(format!("{}:{name}:{can_run}:", name.len()));
        whole.update(digest);
    }
    Some(hex::encode(whole.finalize()))
}

fn is_left_over(name: &str) -> bool {
    name.ends_with(".pyc")
        || name
            .split('/')
            .any(|part| matches!(part, "__pycache__" | ".DS_Store" | ".git"))
}

async fn download(uri: Uri) -> Option<Vec<u8>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let answer = client.get(uri).await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    Some(answer.into_body().collect().await.ok()?.to_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    fn archive(files: &[(&str, &str, u32)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, text, mode) in files {
            writer
                .start_file(*name, SimpleFileOptions::default().unix_permissions(*mode))
                .unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn the_digest_follows_content_alone() {
        let one = content_digest(&archive(&[("a.py", "1", 0o644), ("b.py", "2", 0o644)])).unwrap();
        let turned = archive(&[
            ("b.py", "2", 0o600),
            ("a.py", "1", 0o644),
            ("__pycache__/a.pyc", "x", 0o644),
        ]);
        assert_eq!(content_digest(&turned).unwrap(), one);
        let others = [
            archive(&[("a.py", "1", 0o755), ("b.py", "2", 0o644)]),
            archive(&[("a.py", "3", 0o644), ("b.py", "2", 0o644)]),
            archive(&[("a.py", "1", 0o644), ("c.py", "2", 0o644)]),
            archive(&[("a.py", "1", 0o644)]),
        ];
        for other in others {
            assert_ne!(content_digest(&other).unwrap(), one);
        }
        assert_eq!(content_digest(b"no archive"), None);
    }
}
