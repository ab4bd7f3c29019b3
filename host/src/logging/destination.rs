//! Where lines go: standard error, a file that is replaced when it has grown, the system log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ratchet_plugin_api::abi::LogRecord;

use super::filter::Filter;
use super::{Style, format};
use crate::cli::Color;
use crate::config::settings::{self, LogFormat, LogTarget, Logging, TargetType};
use crate::diagnostic::Diagnostic;

const MIB: u64 = 1024 * 1024;

/// Where the system log listens on Linux.
const SYSLOG: &str = "/dev/log";

/// Lines are written out at the latest when this many bytes have gathered.
const BUFFER_MAX: usize = 64 * 1024;

/// One place that lines go to.
pub(super) struct Destination {
    /// The most verbose level (1 to 5) it takes.
    pub(super) level: u8,
    style: Style,
    output: Output,
    buffer: String,
}

enum Output {
    Console,
    File(RotatingFile),
    Syslog { socket: UnixDatagram, facility: u8, ident: String },
}

/// Opens every destination of the settings.
pub(super) fn open(settings: &Logging, color: Color) -> Vec<Result<Destination, Diagnostic>> {
    let style = Style {
        format: settings.format,
        colored: false,
        structured: settings.structured,
        location: settings.include_location || settings.context.include_file_location,
        context: settings.context.enabled,
    };
    let make = |level, style, output| Destination { level, style, output, buffer: String::new() };
    let colored = color.on_stderr() && !matches!(settings.format, LogFormat::Json);
    let console = |level| make(level, Style { colored, ..style }, Output::Console);
    if !settings.targets.is_empty() {
        let open = |target: &LogTarget| {
            let level = target.level.as_deref().and_then(|level| Filter::parse(level).ok());
            let level = level.map_or(5, |filter| filter.most_verbose());
            Ok(match target.r#type {
                TargetType::Console => console(level),
                TargetType::File => {
                    let path = target.path.as_deref().unwrap_or_default();
                    let file = RotatingFile::open(path, target.max_size_bytes, target.max_files)?;
                    make(level, style, Output::File(file))
                }
                TargetType::Syslog => make(level, style, syslog(target)?),
            })
        };
        return settings.targets.iter().map(open).collect();
    }
    let mut destinations = Vec::new();
    if !matches!(settings.destination, settings::Destination::File) {
        destinations.push(Ok(console(5)));
    }
    let to_file = !matches!(settings.destination, settings::Destination::Console);
    if let (true, Some(file)) = (to_file, &settings.file_config) {
        let size_max = u64::from(file.rotation.max_size_mb) * MIB;
        let file = RotatingFile::open(&file.path, size_max, file.rotation.max_files);
        destinations.push(file.map(|file| make(5, style, Output::File(file))));
    }
    destinations
}

impl Destination {
    pub(super) fn put(&mut self, time: SystemTime, record: &LogRecord) {
        if let Output::Syslog { socket, facility, ident } = &self.output {
            let mut line = format!("<{}>{ident}: ", facility * 8 + severity(record.level));
            format::line(
                Style { format: LogFormat::Compact, ..self.style },
                time,
                record,
                &mut line,
            );
            // A system log that is away loses its lines; there is nowhere to say so.
            let _ = socket.send(line.trim_end().as_bytes());
            return;
        }
        format::line(self.style, time, record, &mut self.buffer);
        if self.buffer.len() >= BUFFER_MAX {
            self.flush();
        }
    }

    pub(super) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let lines = self.buffer.as_bytes();
        match &mut self.output {
            // A standard error that is closed loses its lines; there is nowhere to say so.
            Output::Console => drop(io::stderr().write_all(lines)),
            Output::File(file) => file.write(lines),
            Output::Syslog { .. } => {}
        }
        self.buffer.clear();
    }
}

/// The severity of RFC 5424 for a level.
fn severity(level: u8) -> u8 {
    match level {
        1 => 3,
        2 => 4,
        3 => 6,
        _ => 7,
    }
}

/// The number of RFC 5424 for a facility's name.
pub(super) fn facility(name: &str) -> Option<u8> {
    const NAMES: [&str; 12] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp",
    ];
    if let Some(local) = name.strip_prefix("local") {
        let number: u8 = local.parse().ok()?;
        return (number < 8).then_some(16 + number);
    }
    NAMES.iter().position(|known| *known == name).and_then(|index| u8::try_from(index).ok())
}

fn syslog(target: &LogTarget) -> Result<Output, Diagnostic> {
    let connect = || {
        let socket = UnixDatagram::unbound()?;
        socket.connect(SYSLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    let socket = connect().map_err(|error: io::Error| {
        Diagnostic::error(format!("the system log cannot be reached: {error}"))
            .file(SYSLOG)
            .help("start a syslog daemon, or remove the target `syslog` from `logging.targets`")
    })?;
    let facility = facility(&target.facility).unwrap_or(1);
    Ok(Output::Syslog { socket, facility, ident: target.ident.clone() })
}

/// A file that is renamed to `NAME.1`, `NAME.2` and so on when it has grown.
struct RotatingFile {
    path: PathBuf,
    file: File,
    size: u64,
    size_max: u64,
    files_max: u16,
}

impl RotatingFile {
    fn open(path: &str, size_max: u64, files_max: u16) -> Result<Self, Diagnostic> {
        let path = PathBuf::from(path);
        let open = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let file = append(&path)?;
            let size = file.metadata()?.len();
            Ok((file, size))
        };
        let (file, size) = open().map_err(|error: io::Error| {
            Diagnostic::error(format!("the log file cannot be opened: {error}")).file(&path)
        })?;
        Ok(Self { path, file, size, size_max: size_max.max(1), files_max: files_max.max(1) })
    }

    fn write(&mut self, lines: &[u8]) {
        if self.size > 0 && self.size + lines.len() as u64 > self.size_max {
            // A file that cannot be renamed goes on growing, which loses nothing.
            let _ = self.rotate();
        }
        match self.file.write_all(lines) {
            Ok(()) => self.size += lines.len() as u64,
            // A full disk: the terminal is the better place than none.
            Err(_) => drop(io::stderr().write_all(lines)),
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u16| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        if self.files_max == 1 {
            self.file.set_len(0)?;
        } else {
            for number in (1..self.files_max - 1).rev() {
                // Not all of them exist yet.
                let _ = std::fs::rename(numbered(number), numbered(number + 1));
            }
            std::fs::rename(&self.path, numbered(1))?;
            self.file = append(&self.path)?;
        }
        self.size = 0;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_as_many_files_as_it_may() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("logs/ratchet.log");
        let mut file = RotatingFile::open(&path.to_string_lossy(), 10, 3).expect("opened");
        for line in ["first\n", "second\n", "third\n", "fourth\n"] {
            file.write(line.as_bytes());
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join("logs").join(name)).ok();
        assert_eq!(read("ratchet.log").as_deref(), Some("fourth\n"));
        assert_eq!(read("ratchet.log.1").as_deref(), Some("third\n"));
        assert_eq!(read("ratchet.log.2").as_deref(), Some("second\n"));
        assert_eq!(read("ratchet.log.3"), None);
    }

    #[test]
    fn goes_on_in_a_file_that_exists() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ratchet.log").to_string_lossy().into_owned();
        RotatingFile::open(&path, 100, 2).expect("opened").write(b"one\n");
        RotatingFile::open(&path, 100, 2).expect("opened").write(b"two\n");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "one\ntwo\n");
    }

    #[test]
    fn knows_facilities() {
        assert_eq!(facility("user"), Some(1));
        assert_eq!(facility("local7"), Some(23));
        assert_eq!(facility("local8"), None);
        assert_eq!(facility("nonsense"), None);
    }
}
