//! What the three programs share: rows in, answers and times out.

type Failed = Box<dyn std::error::Error>;

/// The least CPU time of one measurement, in seconds: many ticks of the kernel's clock.
const LEAST: f64 = 0.2;

/// User and system time of this process, all threads, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// CPU seconds of one call of `work`.
fn timed(mut work: impl FnMut() -> Result<(), Failed>) -> Result<f64, Failed> {
    let (began, mut calls) = (cpu(), 0.0);
    while cpu() - began < LEAST {
        work()?;
        calls += 1.0;
    }
    Ok((cpu() - began) / calls)
}

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
    let mut runner = load(bytes)?;
    let first = ask(&mut runner, &rows[..width], 1, width)?;
    let mut all = Vec::new();
    let batch = timed(|| {
        all.clear();
        for chunk in rows.chunks(1000 * width) {
            all.extend(ask(&mut runner, chunk, chunk.len() / width, width)?);
        }
        Ok(())
    })?;
    let (few, wide) = (count.min(1000), all.len() / count);
    let mut differ = 0_f32;
    let one = timed(|| {
        for (place, row) in rows.chunks(width).take(few).enumerate() {
            let one = ask(&mut runner, row, 1, width)?;
            for (a, b) in one.iter().zip(&all[place * wide..]) {
                differ = differ.max((a - b).abs());
            }
        }
        Ok(())
    })?;
    assert_eq!(first.len(), wide);
    let bytes: Vec<u8> = all.iter().flat_map(|number| number.to_le_bytes()).collect();
    std::fs::write(answers, bytes)?;
    println!(
        "{{\"batch_us\": {:.3}, \"one_us\": {:.3}, \"one_differs\": {differ:e}}}",
        batch * 1e6 / count as f64,
        one * 1e6 / few as f64,
    );
    Ok(())
}
