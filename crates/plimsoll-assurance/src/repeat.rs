//! Is the same row always answered the same, to the bit?

/// Times that every row is asked.
pub const REPEATS: usize = 5;

/// Asks every row [`REPEATS`] times, in the order of the rows and against it, so that what stood
/// before a row differs. Gives the first row whose answers differ in a bit, or that has none.
pub fn first_difference<R>(
    rows: &[R],
    answer: &mut dyn FnMut(&R) -> Option<Vec<f64>>,
) -> Option<usize> {
    let first: Vec<Option<Vec<f64>>> = rows.iter().map(&mut *answer).collect();
    if let Some(place) = first.iter().position(Option::is_none) {
        return Some(place);
    }
    for round in 1..REPEATS {
        for step in 0..rows.len() {
            let place = if round % 2 == 0 { step } else { rows.len() - 1 - step };
            let again = rows.get(place).and_then(&mut *answer);
            let same = match (first.get(place).and_then(Option::as_ref), &again) {
                (Some(before), Some(now)) => same_bits(before, now),
                _ => false,
            };
            if !same {
                return Some(place);
            }
        }
    }
    None
}

fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_remembers_is_found() {
        let rows = [1.0, 2.0, 3.0];
        assert_eq!(first_difference(&rows, &mut |row| Some(vec![row * 2.0])), None);
        let mut before = 0.0;
        let found = first_difference(&rows, &mut |row| {
            let answer = row + before * 1e-18 + if before > *row { 1e-9 } else { 0.0 };
            before = *row;
            Some(vec![answer])
        });
        assert!(found.is_some());
        let none = first_difference(&rows, &mut |row| (*row < 3.0).then(|| vec![0.0]));
        assert_eq!(none, Some(2));
    }
}
