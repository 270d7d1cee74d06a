//! Tables: text to the left, figures to the right, as wide as the style allows.

use super::style::Style;
use super::text::shorten;

/// Blanks between columns.
const GAP: &str = "  ";
/// The flexible column is at least so wide, whatever the terminal.
const LEAST_FLEXIBLE: usize = 16;

/// A table of `N` columns.
pub struct Table<'a, const N: usize> {
    style: &'a Style,
    headings: [&'static str; N],
    rows: Vec<(bool, [String; N])>,
    flexible: Option<usize>,
}

impl<'a, const N: usize> Table<'a, N> {
    /// A table without rows.
    pub fn new(style: &'a Style, headings: [&'static str; N]) -> Self {
        Self { style, headings, rows: Vec::new(), flexible: None }
    }

    /// Makes a column as narrow as the line needs. It and those before it hold text, the rest figures.
    pub fn flexible(mut self, column: usize) -> Self {
        self.flexible = Some(column);
        self
    }

    /// Adds a row.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push((false, cells));
    }

    /// Adds a row that stands out.
    pub fn bad_row(&mut self, cells: [String; N]) {
        self.rows.push((true, cells));
    }

    /// The lines, without a newline at the end.
    pub fn render(&self) -> String {
        let widths = self.widths();
        let headings = self.headings.map(str::to_owned);
        let mut lines = vec![self.style.bold(&self.line(&headings, &widths))];
        for (is_bad, cells) in &self.rows {
            let line = self.line(cells, &widths);
            lines.push(if *is_bad { self.style.red(&line) } else { line });
        }
        lines.join("\n")
    }

    fn widths(&self) -> [usize; N] {
        let mut widths = self.headings.map(|heading| heading.chars().count());
        for (_, cells) in &self.rows {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if let Some(column) = self.flexible {
            let others = widths.iter().sum::<usize>() - widths[column] + GAP.len() * (N - 1);
            let room = self.style.width.saturating_sub(others).max(LEAST_FLEXIBLE);
            widths[column] = widths[column].min(room);
        }
        widths
    }

    fn line(&self, cells: &[String; N], widths: &[usize; N]) -> String {
        let is_text = |column| self.flexible.is_some_and(|flexible| column <= flexible);
        let padded = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            let cell = shorten(cell, *width);
            if is_text(column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}
