//! Symmetric positive definite matrices, as small as they need be.

/// A square matrix, a row after the other.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    size: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// From a function of row and column, which must be symmetric.
    pub(super) fn symmetric(size: usize, mut of: impl FnMut(usize, usize) -> f64) -> Self {
        let mut matrix = Self { size, data: vec![0.0; size * size] };
        for row in 0..size {
            for column in 0..=row {
                let value = of(row, column);
                matrix.set(row, column, value);
                matrix.set(column, row, value);
            }
        }
        matrix
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        self.data.get(row * self.size..(row + 1) * self.size).unwrap_or(&[])
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.data.chunks_exact(self.size.max(1))
    }

    pub(super) fn at(&self, row: usize, column: usize) -> f64 {
        self.row(row).get(column).copied().unwrap_or(0.0)
    }

    fn set(&mut self, row: usize, column: usize, value: f64) {
        if let Some(place) = self.data.get_mut(row * self.size + column) {
            *place = value;
        }
    }

    /// The product with a vector.
    pub(super) fn times(&self, vector: &[f64]) -> Vec<f64> {
        self.rows().map(|row| dot(row, vector)).collect()
    }

    /// The inverse of this plus a diagonal, by Cholesky's factor; as many multiplications as
    /// the cube of the size.
    pub(super) fn inverse_with(&self, diagonal: &[f64]) -> Self {
        let factor = self.factor(diagonal);
        // The inverse of the factor, transposed: row `c` is column `c` of the inverse.
        let mut upper = Self { size: self.size, data: vec![0.0; self.data.len()] };
        for column in 0..self.size {
            for row in column..self.size {
                let known = dot(slice(factor.row(row), column, row), {
                    slice(upper.row(column), column, row)
                });
                let unit = if row == column { 1.0 } else { 0.0 };
                upper.set(column, row, (unit - known) / factor.at(row, row));
            }
        }
        Self::symmetric(self.size, |row, column| {
            dot(slice(upper.row(row), row, self.size), slice(upper.row(column), row, self.size))
        })
    }

    /// The lower triangle whose product with its transpose is this plus a diagonal.
    fn factor(&self, diagonal: &[f64]) -> Self {
        let mut lower = Self { size: self.size, data: vec![0.0; self.data.len()] };
        for (row, extra) in (0..self.size).zip(diagonal) {
            for column in 0..row {
                let known = dot(slice(lower.row(row), 0, column), lower.row(column));
                let value = (self.at(row, column) - known) / lower.at(column, column);
                lower.set(row, column, value);
            }
            let known = dot(slice(lower.row(row), 0, row), lower.row(row));
            // Rounding can't make it negative by more than this.
            lower.set(row, row, (self.at(row, row) + extra - known).max(1e-12).sqrt());
        }
        lower
    }
}

fn slice(row: &[f64], from: usize, to: usize) -> &[f64] {
    row.get(from..to).unwrap_or(&[])
}

/// The sum of products, as far as the shorter goes; in lanes, so that the compiler may use
/// vectors.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let len = a.len().min(b.len());
    let (a, b) = (slice(a, 0, len), slice(b, 0, len));
    let mut lanes = [0.0; 8];
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += a * b);
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverse_times_its_matrix_is_one() {
        let size = 23;
        let of = |row: usize, column: usize| (-(row.abs_diff(column) as f64) / 5.0).exp();
        let matrix = Matrix::symmetric(size, of);
        let diagonal: Vec<f64> = (0..size).map(|at| 0.01 * (at + 1) as f64).collect();
        let inverse = matrix.inverse_with(&diagonal);
        for row in 0..size {
            for column in 0..size {
                let mut with: Vec<f64> = matrix.row(row).to_vec();
                with[row] += diagonal[row];
                let product = dot(&with, inverse.row(column));
                let expected = if row == column { 1.0 } else { 0.0 };
                assert!((product - expected).abs() < 1e-9, "{row} {column} {product}");
            }
        }
    }
}
