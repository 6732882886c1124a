//! The client against `moto`'s S3, which checks every signature with botocore's own code, and the
//! store of artifacts over it.

#[cfg(test)]
mod bucket;
#[cfg(test)]
mod moto;
