//! What the three programs share: rows in, answers and times out.

use std::time::Instant;

type Failed = Box<dyn std::error::Error>;

/// Calls `load` with the model, then the runner with rows and their count, all at once and one by
/// one; writes the answers of all at once, and prints times as JSON.
pub fn run<R>(
    load: impl FnOnce(Vec<u8>) -> Result<R, Failed>,
    mut ask: impl FnMut(&mut R, &[f32], usize, usize) -> Result<Vec<f32>, Failed>,
) -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, width, rows, answers] = arguments.as_slice() else {
        return Err("usage: MODEL WIDTH ROWS ANSWERS".into());
    };
    let (bytes, width) = (std::fs::read(model)?, width.parse()?);
    let rows: Vec<f32> = std::fs::read(rows)?
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    let count = rows.len() / width;
    let began = Instant::now();
    let mut runner = load(bytes)?;
    let loaded = began.elapsed();
    let first = ask(&mut runner, &rows[..width], 1, width)?;
    let began = Instant::now();
    let mut all = Vec::new();
    for chunk in rows.chunks(1000 * width) {
        all.extend(ask(&mut runner, chunk, chunk.len() / width, width)?);
    }
    let batch = began.elapsed();
    let few = count.min(1000);
    let began = Instant::now();
    let mut differ = 0_f32;
    let wide = all.len() / count;
    for (place, row) in rows.chunks(width).take(few).enumerate() {
        let one = ask(&mut runner, row, 1, width)?;
        for (a, b) in one.iter().zip(&all[place * wide..]) {
            differ = differ.max((a - b).abs());
        }
    }
    let one = began.elapsed();
    assert_eq!(first.len(), wide);
    let bytes: Vec<u8> = all.iter().flat_map(|number| number.to_le_bytes()).collect();
    std::fs::write(answers, bytes)?;
    println!(
        "{{\"load_ms\": {:.3}, \"batch_us\": {:.3}, \"one_us\": {:.3}, \"one_differs\": {differ:e}}}",
        loaded.as_secs_f64() * 1e3,
        batch.as_secs_f64() * 1e6 / count as f64,
        one.as_secs_f64() * 1e6 / few as f64,
    );
    Ok(())
}
