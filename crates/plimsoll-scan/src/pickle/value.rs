//! What stands on the symbolic stack: as much of each value as judging needs.
//!
//! No value can hold itself, and none is deep, so that dropping one is cheap: a dictionary holds
//! only what holds no dictionary, and a tuple is forgotten beyond a few elements and levels.

use super::globals::Verdict;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Elements of a tuple, or keys of a dictionary, that are remembered.
const MAX_ELEMENTS: usize = 16;
/// Levels of tuples that are remembered.
const MAX_LEVELS: u8 = 4;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    /// Anything that can neither be called nor name what is called.
    Other,
    None,
    Int(i64),
    Text(Text<'a>),
    Bytes,
    Tuple(Rc<[Self]>, u8),
    Dict(Rc<RefCell<Vec<(Text<'a>, Self)>>>),
    /// What an import gave.
    Import(Import<'a>),
    /// What a call of an import gave.
    Made(Import<'a>),
    /// A NumPy dtype; BUILD changes it for all that refer to it.
    Dtype(Rc<Cell<Dtype>>),
}

/// A text of the stream, or one that had escapes.
#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    Slice(&'a str),
    Owned(Rc<str>),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Slice(text) => text,
            Self::Owned(text) => text,
        }
    }
}

/// An import by its two names.
#[derive(Clone, Debug)]
pub(super) struct Import<'a> {
    pub(super) module: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) verdict: Verdict,
}

impl Import<'_> {
    pub(super) fn is(&self, modules: &[&str], name: &str) -> bool {
        self.name.as_str() == name && modules.contains(&self.module.as_str())
    }
    pub(super) fn full(&self) -> String {
        crate::scan::shown(&format!("{}.{}", self.module.as_str(), self.name.as_str()))
    }
}

/// What of a dtype decides how many bytes an array has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Dtype {
    /// Bytes of an element, if known.
    pub(super) size: Option<u64>,
    /// Whether elements are Python objects, which lie in a pickle.
    pub(super) has_objects: bool,
}

impl<'a> Value<'a> {
    /// A tuple, as much of it as is remembered.
    pub(super) fn tuple(elements: Vec<Self>) -> Self {
        let level = elements.iter().map(Self::level).max().unwrap_or(0) + 1;
        if elements.len() > MAX_ELEMENTS || level > MAX_LEVELS {
            return Self::Other;
        }
        let elements = elements.into_iter().map(Self::without_dict);
        Self::Tuple(elements.collect(), level)
    }

    pub(super) fn dict() -> Self {
        Self::Dict(Rc::default())
    }

    /// Sets an item of a dictionary, if it is one that is remembered.
    pub(super) fn set(&self, key: &Self, value: Self) {
        if let (Self::Dict(items), Self::Text(key)) = (self, key) {
            let mut items = items.borrow_mut();
            items.retain(|(other, _)| other.as_str() != key.as_str());
            if items.len() < MAX_ELEMENTS {
                items.push((key.clone(), value.without_dict()));
            }
        }
    }

    /// An item of a dictionary.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let Self::Dict(items) = self else { return None };
        let items = items.borrow();
        items.iter().find(|(other, _)| other.as_str() == key).map(|(_, value)| value.clone())
    }

    /// The elements of a tuple that is remembered.
    pub(super) fn elements(&self) -> Option<&[Self]> {
        match self {
            Self::Tuple(elements, _) => Some(elements),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    fn level(&self) -> u8 {
        match self {
            Self::Tuple(_, level) => *level,
            _ => 0,
        }
    }

    fn without_dict(self) -> Self {
        match self {
            Self::Dict(_) => Self::Other,
            other => other,
        }
    }
}
