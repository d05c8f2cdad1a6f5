//! How long the loops of each kernel were when somebody last looked.

use crate::disassembly::Level;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Instructions in the loops of each kernel.
#[derive(Default)]
pub(crate) struct Limits(BTreeMap<String, usize>);

impl Limits {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let entry = |line: &str| {
            let (count, name) = line.split_once(' ').with_context(|| line.to_owned())?;
            Ok((name.to_owned(), count.parse().with_context(|| line.to_owned())?))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(Self(lines.map(entry).collect::<Result<_>>()?))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text = "# Instructions in the loops of each kernel. Written by: \
                        cargo run --release -p codegen -- --bless\n"
            .to_owned();
        for (name, count) in &self.0 {
            writeln!(text, "{count} {name}")?;
        }
        Ok(std::fs::write(path, text)?)
    }

    pub(crate) fn get(&self, level: Level, name: &str) -> Option<usize> {
        self.0.get(&key(level, name)).copied()
    }

    pub(crate) fn insert(&mut self, level: Level, name: &str, instructions: usize) {
        self.0.insert(key(level, name), instructions);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Kernels that are here and not there.
    pub(crate) fn missing_from(&self, other: &Self) -> Vec<&str> {
        self.0.keys().filter(|name| !other.0.contains_key(*name)).map(String::as_str).collect()
    }
}

fn key(level: Level, name: &str) -> String {
    format!("{} {name}", level.name())
}
