//! `Ui`: the one place that writes to the terminal. stdout is the answer, stderr is the rest; with `--json` stdout is
//! one document and nothing else. Everything passes [`super::escape`].

use std::io::{IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use super::args::{ColorArg, Global};
use super::bars::Bars;
use super::escape;
use crate::error::Error;
use crate::progress::Progress;

/// Errors.
pub const RED: Style = AnsiColor::Red.on_default().bold();
/// Additions and success.
pub const GREEN: Style = AnsiColor::Green.on_default().bold();
/// Warnings and changes.
pub const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
/// Headings.
pub const BOLD: Style = Style::new().bold();
/// What is less important.
pub const DIM: Style = Style::new().dimmed();

/// The terminal.
pub struct Ui {
    json: bool,
    quiet: bool,
    verbose: bool,
    choice: ColorChoice,
    bars: Bars,
}

/// A line in the making: styled parts, each escaped.
#[derive(Debug, Default)]
pub struct Line(String);

impl Line {
    /// An empty line.
    #[must_use]
    pub fn new() -> Self {
        Line::default()
    }

    /// Adds plain text.
    #[must_use]
    pub fn text(mut self, text: impl AsRef<str>) -> Self {
        self.0.push_str(&escape::for_line(text.as_ref()));
        self
    }

    /// Adds a line of code, in which tabs stay.
    #[must_use]
    pub fn code(mut self, style: Style, text: impl AsRef<str>) -> Self {
        let text = escape::for_code(text.as_ref());
        self.0.push_str(&format!("{style}{text}{style:#}"));
        self
    }

    /// Adds another line.
    #[must_use]
    pub fn line(mut self, other: Line) -> Self {
        self.0.push_str(&other.0);
        self
    }

    /// Adds styled text.
    #[must_use]
    pub fn styled(mut self, style: Style, text: impl AsRef<str>) -> Self {
        let text = escape::for_line(text.as_ref());
        self.0.push_str(&format!("{style}{text}{style:#}"));
        self
    }
}

impl Ui {
    /// The terminal as the flags want it.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let choice = match global.color {
            ColorArg::Auto => ColorChoice::Auto,
            ColorArg::Always => ColorChoice::Always,
            ColorArg::Never => ColorChoice::Never,
        };
        Ui { json: global.json, quiet: global.quiet, verbose: global.verbose, choice, bars: Bars::default() }
    }

    /// Whether the answer is for a program.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody is there to be asked.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        !self.json && !self.quiet && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// A line of the answer.
    pub fn answer(&self, line: Line) {
        if !self.quiet && !self.json {
            self.clear();
            self.write_out(&line.0);
        }
    }

    /// A line that is the whole point of the command, so `--quiet` does not hide it.
    pub fn result(&self, line: Line) {
        if !self.json {
            self.write_out(&line.0);
        }
    }

    /// The answer as a document.
    pub fn document(&self, value: &serde_json::Value) {
        self.clear();
        self.write_out(&escape::for_json(&value.to_string()));
    }

    /// A line beside the answer.
    pub fn note(&self, line: Line) {
        if !self.quiet {
            self.clear();
            self.write_err(&line.0);
        }
    }

    /// A failure, whole.
    pub fn error(&self, error: &Error) {
        self.clear();
        self.write_err(&Line::new().styled(RED, "error").text(": ").text(error.message()).0);
        if let Some(place) = error.place() {
            self.write_err(&Line::new().styled(DIM, "  --> ").text(place).0);
        }
        for cause in error.causes() {
            for (at, line) in cause.lines().enumerate() {
                let lead = if at == 0 { "  because: " } else { "           " };
                self.write_err(&Line::new().styled(DIM, lead).text(line).0);
            }
        }
        if let Some(help) = error.help_text() {
            self.write_err(&Line::new().styled(GREEN, "help").text(": ").text(help).0);
        }
    }

    /// Asks a yes-or-no question; no answer is no.
    #[must_use]
    pub fn confirm(&self, question: &str) -> bool {
        self.clear();
        let mut err = AutoStream::new(std::io::stderr(), self.choice);
        let _ = write!(err, "{} [y/N] ", escape::for_line(question)).and_then(|()| err.flush());
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }

    /// Takes what moves away before something is printed.
    fn clear(&self) {
        self.bars.clear();
    }

    /// Tells what is being waited for: on a terminal in a line that moves, elsewhere once.
    fn waiting(&self, what: &str, state: &str) {
        if self.quiet {
        } else if std::io::stderr().is_terminal() {
            self.bars.set(&escape::for_line(what), &escape::for_line(state));
        } else if self.bars.is_new(what) {
            self.write_err(&Line::new().styled(DIM, what).0);
        }
    }

    // Nobody is left to tell when the reader of our output went away.
    fn write_out(&self, line: &str) {
        let _ = writeln!(AutoStream::new(std::io::stdout(), self.choice), "{line}");
    }

    fn write_err(&self, line: &str) {
        let _ = writeln!(AutoStream::new(std::io::stderr(), self.choice), "{line}");
    }
}

impl Progress for Ui {
    fn step(&self, text: &str) {
        self.waiting(text, "");
    }

    fn fetching(&self, place: &str, state: &str) {
        self.waiting(&fetching(place), state);
    }

    fn fetched(&self, place: &str) {
        self.bars.remove(&escape::for_line(&fetching(place)));
    }

    fn detail(&self, text: &str) {
        if self.verbose {
            self.clear();
            self.write_err(&Line::new().styled(DIM, text).0);
        }
    }

    fn warn(&self, text: &str) {
        if !self.quiet {
            self.clear();
            self.write_err(&Line::new().styled(YELLOW, "warning").text(": ").text(text).0);
        }
    }
}

fn fetching(place: &str) -> String {
    format!("fetching {place}")
}
