//! What may be released, as text in and text out.

#[cfg(test)]
mod approval;
#[cfg(test)]
mod assess;
#[cfg(test)]
mod experiment;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod rollout;
