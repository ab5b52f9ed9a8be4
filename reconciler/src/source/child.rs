//! A program of the project that is run, with everything that it starts.
//!
//! It leads a process group, which is ended as a whole: when its time is over, and when whoever waits for it goes away. What it
//! prints is kept up to a size, the beginning and the end of it.
//!
//! What it does not know: a process that leaves its group.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// How much of what a program prints is kept from the beginning, in bytes of each stream.
const FIRST: u64 = 256 * 1024;
/// How much of what it prints last.
const LAST: usize = 16 * 1024;
/// How long to wait for the rest of the output once the program has ended: one that it left behind may hold it.
const OUTPUT_GRACE: Duration = Duration::from_millis(500);

/// A child process that leads a group, which ends with this value.
pub(crate) struct Group {
    child: Child,
    ended: bool,
}

impl Group {
    /// Starts `command` as the leader of a group of its own.
    ///
    /// # Errors
    /// Why it could not be started.
    pub(crate) fn start(command: &mut Command) -> std::io::Result<Self> {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child, ended: false })
    }

    /// Tells the child what is asked, and waits for its end. Returns what it printed.
    ///
    /// # Errors
    /// Its end cannot be waited for.
    pub(crate) async fn converse(&mut self, asked: String) -> std::io::Result<(ExitStatus, String)> {
        if let Some(mut stdin) = self.child.stdin.take() {
            // A child that ended early is judged by its status and its words, not by this.
            let _ = stdin.write_all(asked.as_bytes()).await;
        }
        let out = tokio::spawn(listen(self.child.stdout.take()));
        let err = tokio::spawn(listen(self.child.stderr.take()));
        let status = self.child.wait().await?;
        self.ended = true;
        let mut said = String::new();
        for stream in [out, err] {
            let stop = stream.abort_handle();
            match tokio::time::timeout(OUTPUT_GRACE, stream).await {
                Ok(text) => said.push_str(&text.unwrap_or_default()),
                Err(_) => stop.abort(),
            }
        }
        Ok((status, said))
    }

    /// Ends the child and all that it has started.
    pub(crate) fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        let id = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            // It may be gone already, which is as good.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Everything that comes, of which the first and the last part are kept.
async fn listen(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(stream) = stream else {
        return String::new();
    };
    let mut kept = Vec::new();
    let mut stream = stream.take(FIRST);
    if stream.read_to_end(&mut kept).await.is_err() {
        return String::new();
    }
    let mut rest = stream.into_inner();
    let (mut last, mut buffer, mut dropped) = (VecDeque::new(), [0; 4096], false);
    while let Ok(read @ 1..) = rest.read(&mut buffer).await {
        last.extend(buffer.iter().take(read));
        let over = last.len().saturating_sub(LAST);
        last.drain(..over);
        dropped |= over > 0;
    }
    let mut text = String::from_utf8_lossy(&kept).into_owned();
    if dropped {
        text.push_str("\n(...)\n");
    }
    text + &String::from_utf8_lossy(last.make_contiguous())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_much_output_the_beginning_and_the_end_are_kept() {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("echo first; head -c 600000 /dev/zero; echo; echo last");
        let (status, said) = Group::start(&mut command)
            .unwrap()
            .converse(String::new())
            .await
            .unwrap();
        assert!(status.success());
        assert!(said.starts_with("first\n") && said.ends_with("\nlast\n") && said.contains("(...)"));
        assert!(said.len() < 300_000);
    }

    #[tokio::test]
    async fn what_a_child_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let noted = folder.path().join("pid");
        let mut command = Command::new("sh");
        // The shell waits for its own child, whose number it has written down.
        command
            .arg("-c")
            .arg("sleep 600 & echo $! > pid.new; mv pid.new pid; wait")
            .current_dir(folder.path());
        let mut group = Group::start(&mut command).unwrap();
        let ended = async { group.converse(String::new()).await };
        tokio::select! {
            _ = ended => panic!("it ended by itself"),
            () = there(&noted) => {}
        }
        let pid: i32 = std::fs::read_to_string(&noted).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_ok());
        drop(group);
        while is_running(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn there(file: &std::path::Path) {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// One that has ended and that nobody has asked after is there as a name alone.
    fn is_running(pid: rustix::process::Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        let gone = stat.map_or(true, |stat| stat.contains(") Z "));
        !gone && rustix::process::test_kill_process(pid).is_ok()
    }
}
