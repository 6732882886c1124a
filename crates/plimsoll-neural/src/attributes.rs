//! Attributes of an operator, by name, with the defaults that ONNX gives them.

use plimsoll_model::onnx_file::{Attribute, Node};

fn find<'n, 'a>(node: &'n Node<'a>, name: &str) -> Option<&'n Attribute<'a>> {
    node.attributes.iter().find(|(known, _)| *known == name).map(|(_, attribute)| attribute)
}

pub(crate) fn integer(node: &Node<'_>, name: &str, default: i64) -> i64 {
    find(node, name).and_then(|attribute| attribute.integer).unwrap_or(default)
}

pub(crate) fn integers<'n>(node: &'n Node<'_>, name: &str) -> Option<&'n [i64]> {
    find(node, name).map(|attribute| attribute.integers.as_slice())
}

pub(crate) fn text<'a>(node: &Node<'a>, name: &str) -> Option<&'a str> {
    find(node, name).and_then(|attribute| attribute.text)
}

/// The tensor of a `Constant`.
pub(crate) fn tensor<'n, 'a>(
    node: &'n Node<'a>,
    name: &str,
) -> Option<&'n plimsoll_model::onnx_file::Literal<'a>> {
    find(node, name).and_then(|attribute| attribute.tensor.as_ref())
}
