//! Columns of text, as wide as what is in them.

use crate::cli::output::plain;

/// One cell.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    colour: Option<Colour>,
}

/// What stands out, where colours are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Colour {
    Bad,
    Faint,
    Good,
    Odd,
}

impl Colour {
    /// Paints a text.
    pub(super) fn paint(self, text: &str, color: bool) -> String {
        let code = match self {
            Self::Bad => "31",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Odd => "33",
        };
        if color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

impl Cell {
    /// What others wrote, which can't steer a terminal.
    pub(super) fn new(text: impl AsRef<str>) -> Self {
        Self { text: plain(text.as_ref()), colour: None }
    }

    /// With a colour.
    pub(super) fn colour(self, colour: Colour) -> Self {
        Self { colour: Some(colour), ..self }
    }
}

/// Draws rows, two spaces between columns and `indent` before the first.
pub(super) fn draw<const N: usize>(rows: &[[Cell; N]], indent: usize, color: bool) -> String {
    let width = |cell: &Cell| cell.text.chars().count();
    let mut widths = [0; N];
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).max(*widest);
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        // What is owed before the next text, so that no line ends in spaces.
        let mut owed = 0;
        for (cell, widest) in row.iter().zip(widths) {
            if !cell.text.is_empty() {
                line += &" ".repeat(owed);
                owed = 0;
                line +=
                    &cell.colour.map_or_else(|| cell.text.clone(), |c| c.paint(&cell.text, color));
            }
            // A column without any text takes no room.
            owed += if widest == 0 { 0 } else { widest - width(cell) + 2 };
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_where_their_text_does() {
        let rows = [
            [Cell::new("A"), Cell::new(""), Cell::new("straße"), Cell::new("")],
            [Cell::new("bcd"), Cell::new(""), Cell::new("x\u{1b}[2J"), Cell::new("y")],
        ];
        assert_eq!(draw(&rows, 2, true), "  A    straße\n  bcd  x\\u{1b}[2J  y\n");
        let row = [[Cell::new("up").colour(Colour::Good), Cell::new("x")]];
        assert_eq!(draw(&row, 0, true), "\u{1b}[32mup\u{1b}[0m  x\n");
        assert_eq!(draw(&row, 0, false), "up  x\n");
    }
}
