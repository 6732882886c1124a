//! See `../../neural.py`.

#[path = "../../common.rs"]
mod common;

use ort::session::Session;
use ort::value::TensorRef;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    ort::init_from(std::env::var("ONNXRUNTIME")?)?.commit();
    common::run(
        |bytes| {
            let builder = Session::builder()?.with_intra_threads(1).map_err(|e| e.to_string())?;
            let mut builder = builder;
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
