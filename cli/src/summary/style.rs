//! How wide and how colourful the summary may be.

use console::Term;

/// Width of what is not a terminal.
const PIPED_WIDTH: usize = 80;
/// On a narrower terminal lines wrap: tables have no sense below this.
const LEAST_WIDTH: usize = 72;
/// Wider tables are harder to read, not easier.
const MOST_WIDTH: usize = 160;

/// Width and colour of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Characters in a line.
    pub width: usize,
    /// Whether terminal colours are used.
    pub colour: bool,
}

impl Style {
    /// For standard output as it is: a terminal, a pipe or a file.
    pub fn of_stdout() -> Self {
        let term = Term::stdout();
        let columns = term.size_checked().map(|(_, columns)| usize::from(columns));
        Self::new(
            term.is_term(),
            columns,
            std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        )
    }

    /// For a terminal of so many columns, or for something else; `no_color` as <https://no-color.org> says.
    pub fn new(is_terminal: bool, columns: Option<usize>, no_color: bool) -> Self {
        let columns = columns.filter(|_| is_terminal).unwrap_or(PIPED_WIDTH);
        Self { width: columns.clamp(LEAST_WIDTH, MOST_WIDTH), colour: is_terminal && !no_color }
    }

    /// What is wrong.
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What is right.
    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What is neither.
    pub fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Headings.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_80_wide_and_without_colour() {
        assert_eq!(Style::new(false, Some(200), false), Style { width: 80, colour: false });
    }

    #[test]
    fn a_terminal_gives_its_width_within_reason_and_colour_unless_told_not_to() {
        assert_eq!(Style::new(true, Some(100), false), Style { width: 100, colour: true });
        assert_eq!(Style::new(true, Some(20), true), Style { width: 72, colour: false });
        assert_eq!(Style::new(true, Some(1000), true), Style { width: 160, colour: false });
        assert_eq!(Style::new(true, None, true), Style { width: 80, colour: false });
    }
}
