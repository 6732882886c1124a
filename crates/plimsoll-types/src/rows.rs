//! Validated rows: what passes from the contract to the model and into the record.

/// One value of a row. 16 bytes; text and tensors live in the arenas of [`Rows`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cell {
    /// Absent or null, where the contract allows it.
    Null,
    /// A boolean.
    Boolean(bool),
    /// An integer, within ±2^53.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// The index of an allowed value in the contract's list.
    Category(u32),
    /// Microseconds since the epoch.
    Timestamp(i64),
    /// A text: byte range of [`Rows::text`].
    Text {
        /// First byte.
        start: u32,
        /// Length in bytes.
        len: u32,
    },
    /// A tensor, flat, row-major: range of [`Rows::numbers`].
    Tensor {
        /// First element.
        start: u32,
        /// Number of elements.
        len: u32,
    },
}

/// Rows of cells in the order of the contract's fields, row-major.
///
/// Reused from request to request: [`Rows::clear`] keeps the memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Fields per row.
    pub width: usize,
    /// `width × rows` cells.
    pub cells: Vec<Cell>,
    /// The arena of texts.
    pub text: String,
    /// The arena of tensors.
    pub numbers: Vec<f64>,
}

impl Rows {
    /// Empties the rows and sets their width.
    pub fn clear(&mut self, width: usize) {
        self.width = width;
        self.cells.clear();
        self.text.clear();
        self.numbers.clear();
    }
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }
    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
    /// The cells of row `index`; empty if there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[Cell] {
        let start = index.saturating_mul(self.width);
        self.cells.get(start..start.saturating_add(self.width)).unwrap_or_default()
    }
    /// The text of a [`Cell::Text`]; `None` for another cell.
    #[must_use]
    pub fn text_of(&self, cell: Cell) -> Option<&str> {
        match cell {
            Cell::Text { start, len } => {
                self.text.get(start as usize..(start as usize).checked_add(len as usize)?)
            }
            _ => None,
        }
    }
    /// The elements of a [`Cell::Tensor`]; `None` for another cell.
    #[must_use]
    pub fn tensor_of(&self, cell: Cell) -> Option<&[f64]> {
        match cell {
            Cell::Tensor { start, len } => {
                self.numbers.get(start as usize..(start as usize).checked_add(len as usize)?)
            }
            _ => None,
        }
    }
}
