//! Lines of styled spans.

use std::fmt::{Display, Write};

use anstyle::{AnsiColor, Style};

use super::escape;

/// Lines for people. Each span is escaped when the text is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Text {
    lines: Vec<Line>,
}

/// One line of spans. Line ends in the spans are escaped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    spans: Vec<Span>,
}

/// Words with a style.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    words: String,
    style: Style,
}

/// Creates a title, in bold.
pub fn head(words: impl Display) -> Span {
    Span::styled(words, Style::new().bold())
}

/// Creates a remark, dimmed.
pub fn dim(words: impl Display) -> Span {
    Span::styled(words, Style::new().dimmed())
}

/// Creates a success message, in green.
pub fn good(words: impl Display) -> Span {
    Span::styled(words, AnsiColor::Green.on_default())
}

/// Creates a warning, in yellow.
pub fn care(words: impl Display) -> Span {
    Span::styled(words, AnsiColor::Yellow.on_default())
}

/// Creates an error message, in red.
pub fn bad(words: impl Display) -> Span {
    Span::styled(words, AnsiColor::Red.on_default())
}

/// Creates a line from spans and plain words.
macro_rules! line {
    ($($span:expr),* $(,)?) => {
        $crate::terminal::Line::from_spans([$($crate::terminal::Span::from($span)),*])
    };
}
pub(crate) use line;

impl Span {
    fn styled(words: impl Display, style: Style) -> Self {
        Self { words: words.to_string(), style }
    }

    /// Makes the span bold.
    #[must_use]
    pub fn bold(self) -> Self {
        Self { style: self.style.bold(), ..self }
    }
}

/// Plain words.
impl<T: Display> From<T> for Span {
    fn from(words: T) -> Self {
        Self::styled(words, Style::new())
    }
}

/// Plain words.
impl<T: Display> From<T> for Line {
    fn from(words: T) -> Self {
        Self::from_spans([Span::from(words)])
    }
}

impl From<Span> for Line {
    fn from(span: Span) -> Self {
        Self::from_spans([span])
    }
}

impl Line {
    /// Creates a line from spans.
    pub fn from_spans(spans: impl IntoIterator<Item = Span>) -> Self {
        Self { spans: spans.into_iter().collect() }
    }

    /// Appends another line's spans.
    #[must_use]
    pub fn then(mut self, line: impl Into<Self>) -> Self {
        self.spans.extend(line.into().spans);
        self
    }
}

impl Text {
    /// Creates a text of one line.
    pub fn from_line(line: impl Into<Line>) -> Self {
        Self { lines: vec![line.into()] }
    }

    /// Adds a line.
    pub fn line(&mut self, line: impl Into<Line>) {
        self.lines.push(line.into());
    }

    /// Adds an empty line and a title.
    pub fn head(&mut self, title: &str) {
        self.line("");
        self.line(head(title));
    }

    /// Adds the lines of another text.
    pub fn append(&mut self, mut text: Self) {
        self.lines.append(&mut text.lines);
    }

    /// Returns the lines with ANSI styles. The caller strips the styles if the output does
    /// not support them.
    #[must_use]
    pub fn with_styles(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            for Span { words, style } in &line.spans {
                // Writing to a String cannot fail.
                let _ = write!(text, "{style}{}{style:#}", escape(words));
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, bad};

    #[test]
    fn only_styles_and_line_ends_are_written_as_controls() {
        let mut text = Text::default();
        text.line(line![bad("own\u{1b}[0m"), " ", "foreign\n\u{9b}31m\u{202e}"]);
        text.line("second");
        assert_eq!(
            text.with_styles(),
            "\u{1b}[31mown\\u{1b}[0m\u{1b}[0m foreign\\n\\u{9b}31m\\u{202e}\nsecond\n"
        );
    }
}
