//! What a scan finds: rules with their words, and findings with their places. It must not know
//! how anything is found.

use serde::Serialize;
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Untidy: worth a look, harmless to a careful reader.
    Low,
    /// May hide something, or leaks something.
    Medium,
    /// Runs or reaches what the scanner does not know to be harmless.
    High,
    /// Runs code, or reaches out of its folder.
    Critical,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $id:literal $severity:ident $help:literal;)*) => {
        /// What a finding breaks. The id is a promise to scripts and does not change.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Rule { $($(#[$doc])* $rule,)* }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)*];
            /// Its id.
            #[must_use]
            pub const fn id(self) -> &'static str { match self { $(Self::$rule => $id,)* } }
            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$rule => Severity::$severity,)* }
            }
            /// What to do about it.
            #[must_use]
            pub const fn help(self) -> &'static str { match self { $(Self::$rule => $help,)* } }
        }
    };
}

rules! {
    /// A pickle imports what is known to run code or reach out.
    PickleDangerousImport "pickle-dangerous-import" Critical
        "do not load the file; ask whoever made it for a format without code";
    /// A pickle imports what is not on the allow-list.
    PickleUnknownImport "pickle-unknown-import" High
        "save the model in a format without code, or of types that are on the list";
    /// What is imported or called is computed, or comes from elsewhere.
    PickleUnresolved "pickle-unresolved" Critical
        "do not load the file: what it calls cannot be known without running it";
    /// An extension code: its meaning depends on the process that loads it.
    PickleExtension "pickle-extension" Critical
        "save the file again in a process that registers no extension codes";
    /// A pickle changes what it imported.
    PickleForgery "pickle-forgery" Critical
        "do not load the file: it changes a function or class of the process that loads it";
    /// A persistent id outside of PyTorch, or one that is no storage.
    PicklePersistentId "pickle-persistent-id" High
        "load it only with the loader it was made for, if you know what that does with the id";
    /// A pickle that cannot be read to its end: loaders run all that comes before the error.
    PickleBroken "pickle-broken" High
        "save the file again; a damaged pickle runs up to the damage";
    /// Frames or headers that loaders read in different ways.
    PickleAmbiguous "pickle-ambiguous" High
        "save the file again with an unmodified pickle module";
    /// A few bytes that make a loader allocate without bound.
    PickleAllocation "pickle-allocation" High
        "do not load the file: it is made to exhaust memory";
    /// Bytes after the end of the content.
    TrailingData "trailing-data" Medium
        "save the file again without the bytes after its end";
    /// Content that says something else than its name.
    Mislabeled "mislabeled" Medium
        "name the file after what it holds, and ask why it was not";
    /// Content that nothing here can tell apart from a payload.
    UnknownContent "unknown-content" Medium
        "leave the file out, or keep it as a format the scanner knows";
    /// A container that cannot be looked into.
    Unopened "unopened-container" High
        "unpack it, and scan what comes out";
    /// A file or member that cannot be read to its end.
    Unreadable "unreadable" High
        "get the file again; what cannot be read cannot be judged";
    /// More than the scanner may unpack.
    Bomb "decompression-bomb" High
        "do not unpack it; scan the parts one by one if it is meant to be that large";
    /// Containers within containers, deeper than anything honest.
    TooDeep "too-deep" High
        "unpack it, and scan what comes out";
    /// A member that would be unpacked outside of its folder.
    PathEscape "path-escape" Critical
        "do not unpack it: it writes outside of the folder it is unpacked into";
    /// A link.
    Link "link" High
        "replace the link by the file it stands for";
    /// The two headers of a zip member, or its headers and its bytes, disagree.
    ZipDisagreement "zip-disagreement" High
        "make the archive again; readers see different content in it";
    /// One member's name twice.
    DuplicateMember "duplicate-member" High
        "make the archive again; readers choose different ones of the two";
    /// A member that says it is encrypted.
    Encrypted "encrypted-member" High
        "make the archive again without encryption; some loaders ignore the flag";
    /// Bytes that two formats claim.
    Polyglot "polyglot" High
        "make the file again; loaders read it as different things";
    /// A Keras layer or function that is code.
    KerasCode "keras-code" Critical
        "make the model again from layers without code of their own";
    /// A Keras type that is not on the allow-list.
    KerasUnknownType "keras-unknown-type" High
        "make the model again from built-in layers";
    /// A header of safetensors that breaks its specification.
    SafetensorsHeader "safetensors-header" High
        "save the tensors again with the safetensors library";
    /// A header of GGUF that breaks its specification.
    GgufHeader "gguf-header" High
        "convert the model again; such headers have crashed loaders";
    /// A template that reaches for Python's internals.
    TemplateInjection "template-injection" Critical
        "do not render it: take the template of the model's publisher, and compare";
    /// Tensors of an ONNX model in files elsewhere.
    OnnxExternalEscape "onnx-external-data" Critical
        "keep the tensors in the model, or in a plain file beside it";
    /// An operator that a library must be loaded for.
    OnnxCustomOperator "onnx-custom-operator" High
        "export the model with standard operators";
    /// An operation of a TensorFlow graph that reads or writes files, or runs Python.
    TensorflowOperation "tensorflow-operation" Critical
        "do not load the model: the operation runs when it is served";
    /// A YAML tag that constructs Python objects.
    YamlObject "yaml-object" Critical
        "write the value as plain YAML";
    /// A configuration that has code fetched or loaded.
    RemoteCode "remote-code" High
        "remove the setting, and load the model with the library's own classes";
    /// Requirements from elsewhere than the default index.
    RequirementSource "requirement-source" Medium
        "require a released package by name and version";
    /// A program or library.
    Executable "executable" High
        "leave the program out; a model needs none";
    /// A secret.
    Secret "secret" High
        "revoke the secret, and remove it from the file and its history";
    /// The scan stopped before its end.
    Limit "scan-limit" High
        "scan the parts one by one";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The rule it breaks.
    pub rule: Rule,
    /// How bad that is.
    pub severity: Severity,
    /// The file as it was named to the scanner.
    pub path: String,
    /// The members within it, outermost first.
    pub members: Vec<String>,
    /// The byte within the innermost member.
    pub offset: u64,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub help: &'static str,
}

impl Finding {
    /// The place as one text: `path!member@offset`.
    #[must_use]
    pub fn place(&self) -> String {
        let mut place = self.path.clone();
        for member in &self.members {
            place.push('!');
            place.push_str(member);
        }
        format!("{place}@{}", self.offset)
    }
}

/// What a scan found.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Files and members that were looked at.
    pub looked_at: u64,
    /// Bytes of them, unpacked.
    pub bytes: u64,
    /// What is wrong, in the order it was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
    /// The worst of it.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}
