//! See `../../neural.py`.

#[path = "../../common.rs"]
mod common;

use ort::session::Session;
use ort::value::TensorRef;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let environment = ort::init_from(std::env::var("ONNXRUNTIME")?)?.build()?;
    common::run(
        |bytes| {
            let mut builder = Session::builder(&environment)?.with_intra_threads(1)?;
            Ok(builder.commit_from_memory(&bytes)?)
        },
        |session, rows, count, width| {
            let input = TensorRef::from_array_view(([count, width], rows))?;
            let outputs = session.run(ort::inputs![input])?;
            let (_, values) = outputs[0].try_extract_tensor::<f32>()?;
            Ok(values.to_vec())
        },
    )
}
