//! See `../../neural.py`.

#[path = "../../common.rs"]
mod common;

use std::collections::HashMap;
use tract_onnx::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A plan is made for one count of rows.
    let mut plans = HashMap::new();
    common::run(
        |bytes| Ok(bytes),
        |bytes, rows, count, width| {
            if !plans.contains_key(&count) {
                let model = tract_onnx::onnx()
                    .model_for_read(&mut bytes.as_slice())?
                    .with_input_fact(0, f32::fact([count, width]).into())?
                    .into_optimized()?
                    .into_runnable()?;
                plans.insert(count, model);
            }
            let input = tract_ndarray::Array2::from_shape_vec((count, width), rows.to_vec())?;
            let output = plans[&count].run(tvec!(Tensor::from(input).into()))?;
            let view = output[0].to_plain_array_view::<f32>()?;
            Ok(view.iter().copied().collect())
        },
    )
}
