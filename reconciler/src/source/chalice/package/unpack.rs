//! From wheels to files.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use grail_providers::package::Bundle;
use zip::ZipArchive;

use super::wheel::Download;
use super::{PackageError, limit};
use crate::source::python::normal_name;

/// More than this is not unzipped into memory only to find that it is too large. Lambda takes 250 MiB.
const SURELY_TOO_BIG: u64 = 4 * limit::UNZIPPED;

/// The files of all wheels as Chalice unzips them: `*.data/purelib` and `*.data/platlib` merged into the root, the
/// folder `chalice` left out, nothing executable. Where two wheels bring one path, the later in order wins.
///
/// # Errors
/// [`PackageError::Wheel`] for a broken wheel, [`PackageError::TooBig`] for far more than Lambda takes.
pub(super) fn unzip(wheels: &[PathBuf]) -> Result<Bundle, PackageError> {
    refuse_the_hopeless(wheels)?;
    let mut bundle = Bundle::new();
    for wheel in wheels {
        let mut merged = Bundle::new();
        let own = file_name(wheel);
        let mut archive = open(wheel)?;
        for index in 0..archive.len() {
            let failed = |source| PackageError::Wheel {
                wheel: own.clone(),
                source,
            };
            let mut file = archive.by_index(index).map_err(failed)?;
            if file.is_dir() {
                continue;
            }
            let name = inside(&file.name().map_err(failed)?);
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)
                .map_err(|error| failed(error.into()))?;
            match merged_place(&own, &name) {
                Some(place) => put(&mut merged, place, bytes)?,
                None => put(&mut bundle, &name, bytes)?,
            }
        }
        // Chalice copies these over the rest once the whole wheel is unzipped.
        bundle.overlay(merged);
    }
    Ok(bundle)
}

fn put(bundle: &mut Bundle, path: &str, bytes: Vec<u8>) -> Result<(), PackageError> {
    // The runtime that is packed is the one that the project was imported with.
    if path.is_empty() || path.starts_with("chalice/") {
        return Ok(());
    }
    Ok(bundle.insert_bytes(path, bytes, false)?)
}

/// A name in a wheel as Python's `zipfile` unzips it: inside the folder, whatever it says.
fn inside(name: &str) -> String {
    let parts = name.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
    parts.collect::<Vec<_>>().join("/")
}

/// Where a file of `name-version.data/{purelib,platlib}/` goes; `None` for all others, which stay where they are.
fn merged_place<'a>(wheel: &str, path: &'a str) -> Option<&'a str> {
    let (top, rest) = path.split_once('/')?;
    let (name, version) = top.strip_suffix(".data")?.split_once('-')?;
    let own = Download::parse(wheel)?;
    if normal_name(name) != own.name || version != own.version {
        return None;
    }
    rest.strip_prefix("purelib/")
        .or_else(|| rest.strip_prefix("platlib/"))
}

fn refuse_the_hopeless(wheels: &[PathBuf]) -> Result<(), PackageError> {
    let mut files = Vec::new();
    for wheel in wheels {
        let mut archive = open(wheel)?;
        for index in 0..archive.len() {
            let failed = |source| PackageError::Wheel {
                wheel: file_name(wheel),
                source,
            };
            let file = archive.by_index_raw(index).map_err(failed)?;
            files.push((inside(&file.name().map_err(failed)?), file.size()));
        }
    }
    let size = files
        .iter()
        .fold(0_u64, |sum, (_, size)| sum.saturating_add(*size));
    match limit::over(files.iter().map(|(path, size)| (path.as_str(), *size))) {
        Some(too_big) if size > SURELY_TOO_BIG => Err(too_big.into_error()),
        _ => Ok(()),
    }
}

fn open(wheel: &Path) -> Result<ZipArchive<BufReader<File>>, PackageError> {
    let file = File::open(wheel).map_err(|source| PackageError::Read {
        path: wheel.to_owned(),
        source,
    })?;
    ZipArchive::new(BufReader::new(file)).map_err(|source| PackageError::Wheel {
        wheel: file_name(wheel),
        source,
    })
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
