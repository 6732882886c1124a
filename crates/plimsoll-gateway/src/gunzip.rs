//! Request bodies in gzip (RFC 1952), decompressed with a bound.

use flate2::read::MultiGzDecoder;
use plimsoll_types::{Phase, Refusal, RefusalCode};
use std::io::Read;

/// Decompresses `body` into at most `limit` bytes. Stops reading at the bound, so that a
/// bomb costs no more memory than an honest body of that size.
pub(crate) fn gunzip(body: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
    let mut reader = MultiGzDecoder::new(body).take(limit as u64 + 1);
    let refuse = |rule: String| {
        Refusal::new(Phase::Validate, RefusalCode::DecompressionLimit).with_rule(rule)
    };
    reader.read_to_end(&mut out).map_err(|_| refuse("the gzip stream is damaged".into()))?;
    if out.len() > limit {
        return Err(refuse(format!("the body must not expand beyond {limit} bytes")));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn the_bound_holds_and_damage_is_refused() {
        assert_eq!(gunzip(&gzip(b"{}"), 2), Ok(b"{}".to_vec()));
        let bomb = gzip(&vec![0; 50 << 20]);
        assert!(bomb.len() < 100_000);
        let refused = gunzip(&bomb, 1 << 20).expect_err("too large");
        assert_eq!(refused.code, RefusalCode::DecompressionLimit);
        let mut damaged = gzip(b"{\"inputs\":[]}");
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0xff;
        assert!(gunzip(&damaged, 1 << 20).is_err());
        assert!(gunzip(b"", 10).is_ok_and(|out| out.is_empty()) || gunzip(b"", 10).is_err());
    }
}
