//! See `../../neural.py`.

#[path = "../../common.rs"]
mod common;

use rten::Model;
use rten_tensor::NdTensorView;
use rten_tensor::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    common::run(
        |bytes| Ok(Model::load(bytes)?),
        |model, rows, count, width| {
            let input = NdTensorView::from_data([count, width], rows);
            let output: rten_tensor::Tensor<f32> = model.run_one(input.into(), None)?.try_into()?;
            Ok(output.to_vec())
        },
    )
}
