//! What a process needs, as the system tells it.

use std::fs;

/// One look at a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// What it has in memory, in KiB.
    pub(crate) memory: u64,
    /// Its open file descriptors.
    pub(crate) descriptors: usize,
    /// Its threads.
    pub(crate) threads: usize,
}

impl Look {
    /// At the process of this number; zeros where it has gone.
    pub(crate) fn at(process: u32) -> Self {
        let count = |what: &str| fs::read_dir(format!("/proc/{process}/{what}")).map_or(0, Iterator::count);
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        Self {
            memory: memory.unwrap_or_default(),
            descriptors: count("fd"),
            threads: count("task"),
        }
    }

    pub(crate) fn mebibytes(&self) -> u64 {
        self.memory / 1024
    }
}

/// The looks at one process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looks(Vec<Look>);

impl Looks {
    pub(crate) fn look(&mut self, process: u32) {
        let look = Look::at(process);
        if look.memory > 0 {
            self.0.push(look);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The medians of the second quarter and of the last: in the first it still gets to know its stages.
    pub(crate) fn early_and_late(&self) -> Option<(Look, Look)> {
        let quarter = self.0.len() / 4;
        let early = median(self.0.get(quarter..2 * quarter)?)?;
        Some((early, median(self.0.get(3 * quarter..)?)?))
    }

    /// The least of each.
    pub(crate) fn least(&self) -> Look {
        let files = self.0.iter().map(|look| look.descriptors).min();
        let threads = self.0.iter().map(|look| look.threads).min();
        Look {
            memory: self.0.iter().map(|look| look.memory).min().unwrap_or_default(),
            descriptors: files.unwrap_or_default(),
            threads: threads.unwrap_or_default(),
        }
    }

    pub(crate) fn most(&self) -> Look {
        let most = |of: fn(&Look) -> u64| self.0.iter().map(of).max().unwrap_or_default();
        Look {
            memory: most(|look| look.memory),
            descriptors: self
                .0
                .iter()
                .map(|look| look.descriptors)
                .max()
                .unwrap_or_default(),
            threads: self.0.iter().map(|look| look.threads).max().unwrap_or_default(),
        }
    }
}

fn median(looks: &[Look]) -> Option<Look> {
    let middle = |mut values: Vec<u64>| {
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    };
    let of = |value: fn(&Look) -> u64| middle(looks.iter().map(value).collect());
    Some(Look {
        memory: of(|look| look.memory)?,
        descriptors: usize::try_from(of(|look| look.descriptors as u64)?).ok()?,
        threads: usize::try_from(of(|look| look.threads as u64)?).ok()?,
    })
}
